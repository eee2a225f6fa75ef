"""The door between a study and what measures for it, which may be a plug-in's."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.protocols import Evaluator, LiveEvaluator, Outcome
from haqa_bench.run.plan import Plan
from haqa_bench.space import Configuration
from haqa_bench.study import Study


def live_evaluator(cell: Cell, project: Path) -> LiveEvaluator:
    """What measures a cell on this machine, with what is recorded in a project's folder.

    Raises:
        HaqaError: it lacks what that needs.
        PluginFailed: the evaluator of a plug-in's track cannot be made.
    """
    with evaluator_faults(cell):
        return tracks.of(cell).evaluator_in(cell, project)


def timed(plan: Plan) -> list[Study]:
    """The studies of a live run that another one at the same time would disturb."""
    live = plan.studies if plan.measure == "live" else ()
    return [study for study in live if tracks.of(study.cell).confirmed != "tests"]


class Turn:
    """Of several studies at once, the one that holds `file`; whoever is to wait less asks for it
    again after fewer seconds.
    """

    def __init__(self, file: Path, patience_s: float) -> None:
        self.lock, self.patience_s = FileLock(file), patience_s

    def __enter__(self) -> None:
        self.lock.acquire(poll_interval=self.patience_s)

    def __exit__(self, *_: object) -> None:
        self.lock.release()


class InTurn:
    """An evaluator that measures in its `turn`."""

    def __init__(self, inner: Evaluator, turn: AbstractContextManager[None]) -> None:
        self.inner, self.turn = inner, turn
        self.whole = inner.whole

    @property
    def machine(self) -> str:
        """See Evaluator."""
        return self.inner.machine

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        with self.turn:
            return self.inner.measure(configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        with self.turn:
            return self.inner.sample(configuration, repeat)


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
