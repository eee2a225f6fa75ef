"""What figures are drawn of: a run, and how its cells, metrics, sources and numbers of studies are
called in labels and captions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report import compare, curves
from haqa_bench.report.compare import StudyResult
from haqa_bench.report.curves import Step
from haqa_bench.report.figures.style import Look, looks
from haqa_bench.store.database import suite_of
from haqa_bench.tracks.kernel.workload import KernelWorkload
from haqa_bench.trial import Goal


class Subject(NamedTuple):
    """A run: its folder and project, its cells, the look of its methods, its studies, and what each
    had found after each trial.
    """

    folder: Path
    project: Path
    cells: Mapping[str, Cell]
    looks: Mapping[str, Look]
    studies: Sequence[StudyResult]
    steps: Sequence[Step]


def read(folder: Path, project: Path) -> Subject:
    """The run in `folder`.

    Raises:
        HaqaError: it holds no run, or its database cannot be read.
    """
    suite = suite_of(folder)
    cells = {cell.id: cell for cell in suite.cells}
    return Subject(
        folder,
        project,
        cells,
        looks([m.name for m in suite.methods]),
        compare.results(folder),
        curves.steps(folder),
    )


def title_of(cell: Cell) -> str:
    """Kernel, model and bit-width."""
    kernel = [cell.workload.kernel] if isinstance(cell.workload, KernelWorkload) else []
    bits = [] if cell.bit_width == "any" else [cell.bit_width]
    return " ".join([*kernel, cell.model_name, *bits])


def place_of(cell: Cell) -> str:
    """A cell in a caption."""
    return f"{title_of(cell)} on {cell.hardware.name} ({cell.track} track)"


def label_of(goal: Goal) -> str:
    """A metric on an axis: `Held out loss, nats`."""
    return f"{_words(goal.metric)}, {unit_of(goal)}" if unit_of(goal) else _words(goal.metric)


def unit_of(goal: Goal) -> str:
    """Its unit as it is printed."""
    return {"us": "µs", "1": ""}.get(goal.unit, goal.unit)


def better(goal: Goal) -> str:
    """Which way is better."""
    return "larger is better" if goal.direction == "maximize" else "smaller is better"


def numbers(studies: Sequence[StudyResult]) -> str:
    """How many studies each method has, and where their numbers came from."""
    counts = Counter(s.method for s in studies)
    return f"n (studies): {', '.join(f'{name} {n}' for name, n in counts.items())}. Source: {sources(studies)}."


def sources(studies: Sequence[StudyResult]) -> str:
    """Where numbers came from; which methods', where they differ."""
    found: dict[str, list[str]] = {}
    for study in studies:
        found.setdefault(study.source or "unknown", []).append(study.method)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(
        f"{source} ({', '.join(dict.fromkeys(methods))})"
        for source, methods in sorted(found.items())
    )


def answered(studies: Sequence[StudyResult]) -> str:
    """Who answered as the LLM, in a sentence for each; empty where none did."""
    who: dict[str, list[str]] = {}
    for study in studies:
        if study.answered_by:
            who.setdefault(study.answered_by, []).append(study.method)
    return " ".join(
        f"{', '.join(dict.fromkeys(methods))}: answered by {name}." for name, methods in who.items()
    )


def _words(metric: str) -> str:
    bare = next(
        (
            metric.removesuffix(s)
            for s in ("_tokens_per_s", "_us", "_ms", "_mb", "_s")
            if metric.endswith(s)
        ),
        metric,
    )
    return bare.replace("_", " ").capitalize()
