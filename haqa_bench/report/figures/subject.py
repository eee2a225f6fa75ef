"""What figures are drawn of: a run, and how its cells, metrics, sources and numbers of studies are
called in labels and captions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Project, Run
from haqa_bench.report import traits
from haqa_bench.report.figures.style import Look, looks
from haqa_bench.report.found import answered as who
from haqa_bench.report.found.steps import Step, steps
from haqa_bench.report.found.studies import StudyResult, results
from haqa_bench.trial import Goal


class Subject(NamedTuple):
    """A run: it and its project, its cells, the look of its methods, its studies, and what each
    had found after each trial.
    """

    run: Run
    project: Project
    cells: Mapping[str, Cell]
    looks: Mapping[str, Look]
    studies: Sequence[StudyResult]
    steps: Sequence[Step]


def read(run: Run, project: Project) -> Subject:
    """A run, to be drawn.

    Raises:
        HaqaError: its database cannot be read.
    """
    return Subject(
        run,
        project,
        run.cells,
        looks([m.name for m in run.suite.methods]),
        results(run),
        steps(run),
    )


def title_of(cell: Cell) -> str:
    """Kernel, model and bit-width."""
    bits = "" if cell.bit_width == "any" else cell.bit_width
    return " ".join(filter(None, (traits.part(cell), cell.model_name, bits)))


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
    return (
        f"n (studies): {', '.join(f'{name} {n}' for name, n in counts.items())}. Source: "
        f"{sources(studies)}."
    )


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
    found = who.who(studies)
    return " ".join(f"{', '.join(of)}: answered by {name}." for name, of in found.items())


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
