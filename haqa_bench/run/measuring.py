"""The door between a study and what measures for it, which may be a plug-in's."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.protocols import LiveEvaluator, Outcome


def live_evaluator(cell: Cell, project: Path) -> LiveEvaluator:
    """What measures a cell on this machine, with what is recorded in a project's folder.

    Raises:
        HaqaError: it lacks what that needs.
        PluginFailed: the evaluator of a plug-in's track cannot be made.
    """
    with evaluator_faults(cell):
        return tracks.of(cell).evaluator_in(cell, project)


@contextmanager
def evaluator_faults(cell: Cell) -> Iterator[None]:
    """Tells what the evaluator of a plug-in's track raises in one line. What ours raise is a bug.

    Raises:
        PluginFailed: in place of any exception but HaqaError and EvaluationFailed.
    """
    with tracks.faults(cell.track, "evaluator failed", f"cell {cell.id}"):
        yield


def finite(found: Outcome) -> Outcome:
    """What an evaluator gave.

    Raises:
        ValueError: a value or a sample is no finite number.
    """
    for measurement in found.measurements:
        if not all(map(math.isfinite, (measurement.value, *measurement.samples))):
            raise ValueError(f"its {measurement.name} is {measurement.value}, no finite number")
    return found
