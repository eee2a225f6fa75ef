"""What figures are drawn of: a run, and how its cells, methods, metrics, sources and numbers of
studies are called in labels and captions.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from haqa_bench.arithmetic.estimate import SPEEDS
from haqa_bench.cell import Cell
from haqa_bench.hardware import Hardware
from haqa_bench.project import Project, Run
from haqa_bench.report import labels, methods, traits
from haqa_bench.report.figures.confirmed import Confirmed, confirmed
from haqa_bench.report.found import answered as who
from haqa_bench.report.found import simulators, weights
from haqa_bench.report.found.imports import imports, sentences
from haqa_bench.report.found.steps import Step, steps
from haqa_bench.report.found.studies import StudyResult, results
from haqa_bench.store import tables, trials
from haqa_bench.trial import Goal


class Subject(NamedTuple):
    """A run: it and its project, its cells, its methods in the order that they are drawn in, its
    studies, what each had found after each trial, and what was confirmed by cell and method. Names
    in its cells are those that readers see; what looks for a name asks the run.
    """

    run: Run
    project: Project
    cells: Mapping[str, Cell]
    methods: Sequence[str]
    studies: Sequence[StudyResult]
    steps: Sequence[Step]
    confirmed: Mapping[tuple[str, str], Confirmed]

    @property
    def untuned(self) -> set[str]:
        """Methods that only ever say the default."""
        return {r.method for r in self.studies if r.optimizer == "default"}


def read(run: Run, project: Project) -> Subject:
    """A run, to be drawn.

    Raises:
        HaqaError: its database cannot be read.
    """
    spelled = weights.spelled(run.cells, weights.weights(run))
    return Subject(
        run,
        project,
        {
            name: _labelled(cell, run.suite.labels, spelled.get(name, cell.bit_width))
            for name, cell in run.cells.items()
        },
        methods.order(m.name for m in run.suite.methods),
        results(run),
        steps(run),
        confirmed(run),
    )


def label(run: Subject, method: str) -> str:
    """A method's name for a reader."""
    return labels.label(run.run.suite.labels, method)


def _labelled(cell: Cell, known: Mapping[str, str], bit_width: str) -> Cell:
    """A cell whose model and device have the names that the suite gives them for readers, and whose
    `bit_width` says what is in the file. A device that has none is called by its title, without
    what follows the first comma.
    """
    device, model = cell.hardware, labels.label(known, cell.model_name)
    short = re.sub(r"^((?:[^,(]|\([^)]*\))*),.*", r"\1", device.title)
    named = device.model_copy(update={"title": known.get(device.name, short)})
    return cell.model_copy(update={"model_name": model, "bit_width": bit_width, "hardware": named})


def title_of(cell: Cell) -> str:
    """Kernel, model and bit-width."""
    bits = "" if cell.bit_width == "any" else cell.bit_width
    return " ".join(filter(None, (traits.part(cell), cell.model_name, bits)))


def device_of(hardware: Hardware) -> str:
    """A device as readers call it."""
    return hardware.title


def short(hardware: Hardware) -> str:
    """A device where there is little room: without what stands in brackets."""
    return hardware.title.partition(" (")[0]


def place_of(cell: Cell) -> str:
    """A cell in a caption."""
    return f"{title_of(cell)} on {device_of(cell.hardware)} ({cell.track} track)"


def parameter_of(cell: Cell, name: str) -> str:
    """A parameter on an axis: what it is in words, and its own name."""
    about = re.split(r"[,;:(]", cell.space.root[name].about)[0].strip()
    if not about:
        return name
    first = about.partition(" ")[0]
    return f"{about if '.' in first else about[0].upper() + about[1:]} ({name})"


def label_of(goal: Goal) -> str:
    """A metric on an axis: `Held out loss, nats`."""
    return f"{_words(goal.metric)}, {unit_of(goal)}" if unit_of(goal) else _words(goal.metric)


def unit_of(goal: Goal) -> str:
    """Its unit as it is printed."""
    return {"us": "µs", "1": ""}.get(goal.unit, goal.unit)


def better(goal: Goal) -> str:
    """Which way is better."""
    return "larger is better" if goal.direction == "maximize" else "smaller is better"


def numbers(run: Subject, studies: Sequence[StudyResult]) -> str:
    """How many studies each method has, and where their numbers came from."""
    counts = Counter(s.method for s in studies)
    said = ", ".join(f"{label(run, name)} {counts[name]}" for name in methods.order(counts))
    files = sentences(imports(run.run), {study.cell for study in studies})
    return " ".join([f"n (studies): {said}. Source: {sources(studies)}.", *files])


def sources(studies: Sequence[StudyResult]) -> str:
    """Where numbers came from; which methods', where they differ."""
    found: dict[str, list[str]] = {}
    for study in studies:
        found.setdefault(study.source or "unknown", []).append(study.method)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(
        f"{source} ({', '.join(methods.order(of))})" for source, of in sorted(found.items())
    )


def answered(run: Subject, studies: Sequence[StudyResult]) -> str:
    """Who answered as the LLM, in a sentence for each; empty where none did."""
    found = who.who(studies)
    return " ".join(
        f"{', '.join(label(run, m) for m in methods.order(of))}: answered by {name}."
        for name, of in found.items()
    )


def measured(run: Subject, cells: Iterable[Cell]) -> str:
    """By which rule samples become a value, on which days what is recorded was measured, what
    simulated the cells that a surrogate did, and what the suite has readers know of these cells.
    """
    cells = list(cells)
    names = [cell.id for cell in cells]
    rules = dict.fromkeys(_rule(cell) for cell in cells)
    days = _of_days("Response tables", run.project, [c for c in cells if c.space.finite])
    days += _of_days("Recorded trials", run.project, [c for c in cells if not c.space.finite])
    told = simulators.sentences(simulators.simulators(run.run), names)
    said = [*_random(cells), *traits.lengths(cells), *told]
    return " ".join([*rules, *days, *said, *run.run.suite.said_of(names)])


def _random(cells: Sequence[Cell]) -> list[str]:
    """Whose weights are random, in a sentence; nothing where none are."""
    random = [cell for cell in cells if traits.has_random_weights(cell)]
    if not random:
        return []
    models = ", ".join(dict.fromkeys(cell.model_name for cell in random))
    whose = "" if len(random) == len(cells) else f" ({models})"
    return [f"{traits.RANDOM[0].upper()}{traits.RANDOM[1:]}{whose}: good for speed and memory."]


def _of_days(what: str, project: Project, cells: Sequence[Cell]) -> list[str]:
    """From when to when recordings of some cells are; nothing where there are none."""
    days = sorted({day for cell in cells for day in _days(project, cell)})
    return [f"{what} of {' to '.join(dict.fromkeys((days[0], days[-1])))}."] if days else []


def _rule(cell: Cell) -> str:
    if cell.simulated:
        return "Values are simulated: a declared model's, without noise."
    if cell.objective.unit not in SPEEDS:
        return "A configuration's value: the median of its samples."
    quartile = "upper" if cell.objective.direction == "maximize" else "lower"
    return (
        f"A configuration's value: the {quartile} quartile of its undisturbed samples "
        "(docs/measurement.md)."
    )


def _days(project: Project, cell: Cell) -> Sequence[str]:
    path = project.recording(cell)
    if not path.is_file():
        return []
    return tables.measured_on(path) if cell.space.finite else trials.read(path).days


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
