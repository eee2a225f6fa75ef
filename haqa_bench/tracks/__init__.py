"""What is tuned, as a value: a track says what a trial of its cells runs, measures and prints.

A track is one folder: `track.py`, light, with a `Track`; `workload.py`, the form of what a trial
runs; `evaluator.py`, the parent's side of measuring; `worker/`, the child's, which alone imports
what is heavy. Others join by the entry point `haqa_bench.tracks` (docs/add-a-track.md). Nobody
outside a track's folder asks which track a cell is of: they ask its track.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from enum import Enum
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import haqa_bench
from haqa_bench import plugins
from haqa_bench.arithmetic.kernel_roofline import Work
from haqa_bench.cell import Block, Cell, Model, Workload
from haqa_bench.errors import HaqaError, PluginFailed, nearest
from haqa_bench.hardware import Hardware
from haqa_bench.plugins import Plugin
from haqa_bench.protocols import Evaluator, LiveEvaluator, Metric, Reference
from haqa_bench.space import Configuration, Scalar

W = TypeVar("W", bound=Workload)
Holder = TypeVar("Holder", Block, Cell)
BUILT_IN = {
    "qat": "haqa_bench.tracks.qat.track:QAT",
    "qlora": "haqa_bench.tracks.qlora.track:QLORA",
    "kernel": "haqa_bench.tracks.kernel.track:KERNEL",
    "deploy": "haqa_bench.tracks.deploy.track:DEPLOY",
    "serve": "haqa_bench.tracks.serve.track:SERVE",
    "memory": "haqa_bench.tracks.memory.track:MEMORY",
    "joint": "haqa_bench.tracks.joint.track:JOINT",
    "table": "haqa_bench.tracks.table.track:TABLE",
}
PUBLIC_PROMPT = "prompt.j2"
BRINGS = "If a package of its own brings it, install that"


class End(Enum):
    """An end of a parameter's values, as far as limits let it go beside the others' values."""

    LEAST = False
    MOST = True


class Rule(NamedTuple):
    """A first guess for one parameter, from what is known of the hardware; `why` is for people."""

    parameter: str
    value: Scalar | End
    why: str


class Track(Protocol[W]):
    """A track. Whoever makes one inherits from this, and says what differs from what stands
    here.
    """

    name: str
    """What suites call it; a part of paths."""
    title: str
    """Of its table of best results."""
    tuned: str = ""
    """What is tuned, in few words, for figures; its name where it is left out."""
    workload: type[W]
    """The form of what one trial runs, or a union of forms."""
    metrics: Mapping[str, Metric] = MappingProxyType({})
    """What its evaluators measure, by name, in the order that prompts show them."""
    confirmed: Literal["pairs", "tests", "none"] = "pairs"
    """How winners are measured again, apart from the tuning: in pairs with the default; trained
    anew and tested; or not, where there is no noise."""
    published: str = ""
    """The paper's table of the same, a file of paper_tables/; empty where there is none."""
    published_bit_widths: str = ""
    """The paper's table of cells whose bit-width is a decision, told apart from the other cells;
    empty where they are told with those."""
    peer: Reference | None = None
    """Another tool's own, which winners may be measured beside."""
    extras: tuple[str, ...] = ()
    """The extras of this package that measuring needs, where it is ours."""
    swept: bool = True
    """Whether a response table is a sweep over the whole space; else `record` writes it."""
    templates: tuple[str, ...] = ()
    """Templates, without their ending, that only cells with a `frame` of their own fill: the locks
    of all other suites do without them.
    """

    def check(self, block: Block[W], name: str, model: Model) -> None:
        """Raises ValueError for what the model `name` lacks, or what of the block does not fit."""
        return None

    def metrics_of(self, workload: W) -> Mapping[str, Metric]:
        """What is measured where this workload is run."""
        return self.metrics

    def settings(self, workload: W) -> Collection[str] | None:
        """The parameters that a space may have; None where any may be."""
        return None

    def suffix(self, workload: W) -> str:
        """What ends the ids of its cells, after model, bit-width and hardware."""
        return self.name

    def part(self, workload: W) -> str:
        """The part of a model that its cells are of, such as a kernel; empty for the whole."""
        return ""

    def source(self, workload: W) -> str | None:
        """The source, normalised, that a parameter of kind `code` stands in place of; None where
        nothing can be rewritten.
        """
        return None

    def work(self, cell: Cell[W]) -> Work | None:
        """The bytes and operations of one trial, where they are known: what its roofline is of."""
        return None

    def resolve(self, workload: W, model: Model) -> W:
        """The workload in numbers, where a suite may name sizes of the model."""
        return workload

    def pinned(self, workload: W, model: Model, project: Path) -> W:
        """The workload with what it names of a project's recordings pinned by hash; `project` is
        the folder.

        Raises:
            HaqaError: it is there, and damaged, or of something else.
        """
        return workload

    def texts(self, workload: W, suite_folder: Path) -> Mapping[str, str]:
        """What the files say that the workload names, relative to the suite's.

        Raises:
            HaqaError: one is missing, elsewhere, or not UTF-8.
        """
        return {}

    def simulates(self, workload: W, hardware: Hardware) -> bool:
        """Whether its numbers are a declared model's, and nothing is measured."""
        return False

    def evaluator(self, cell: Cell[W]) -> LiveEvaluator:
        """What really runs the cell.

        Raises:
            HaqaError: this machine lacks what it needs.
        """
        raise HaqaError(cell.id, f"the track {self.name} measures nothing live", "Replay a table")

    def evaluator_in(self, cell: Cell[W], project: Path) -> LiveEvaluator:
        """As `evaluator`, for a track that measures with recordings of the project in a folder.

        Raises:
            HaqaError: this machine, or the project, lacks what it needs.
        """
        return self.evaluator(cell)

    def recorded(self, cell: Cell[W], path: Path) -> Evaluator:
        """What replays the cell, from what was recorded at `path`: a response table, or, of a space
        with a range, trials.

        Raises:
            HaqaError: it is missing, or of another space or workload.
        """
        if not cell.space.finite:
            return _recorded_trials(cell, path)
        from haqa_bench.store import tables
        from haqa_bench.tracks.replayed import TableEvaluator

        table = tables.read(path)
        tables.check(table, cell)
        return TableEvaluator(table, cell)

    def record(self, cell: Cell[W], path: Path) -> None:
        """Writes what `recorded` reads, in tracks that are not `swept`.

        Raises:
            HaqaError: this machine lacks what it needs.
        """
        raise HaqaError(cell.id, f"the track {self.name} records sweeps alone")

    def references(self, cell: Cell[W]) -> Sequence[Reference]:
        """What is measured beside a cell's winners and no method proposes."""
        return ()

    def decides(self, metric: str) -> Collection[str] | None:
        """The settings that alone decide a metric: configurations that share them measure one thing
        again, and a front takes their median. None where all settings do.
        """
        return None

    def bits(self, cell: Cell[W]) -> str:
        """What its bit-width says of the numbers that are computed with, in words; empty where each
        trial's facts say it, or nothing is to be said.
        """
        return ""

    def begins_with(self, cell: Cell[W]) -> str:
        """What of a project's recordings each trial of a cell begins with, in words; empty for
        nothing.
        """
        return ""

    def chance(self, cell: Cell[W]) -> float | None:
        """The test accuracy of guessing, in %; None where nothing is tested, or it is unknown."""
        return None

    def tuned_on_tests(self, workload: W) -> bool:
        """Whether methods are fed back the results of the very tests that their winners are judged
        by: every table of such cells says that they are tuned on what they report.
        """
        return False

    def limits(self, workload: W) -> str:
        """What one trial may take at most, in words."""
        return "nothing is run: all of it is simulated"

    def forecast(self, cell: Cell[W]) -> str:
        """What measuring a cell will take, in words; empty where nothing is known before."""
        return ""

    def prompt(self) -> str:
        """The template of what an agent is told, where the project has no prompts/NAME.j2."""
        return public_prompt()

    def words(self, cell: Cell[W]) -> Mapping[str, object]:
        """What its prompt needs beside the cell itself."""
        return {}

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """First guesses of somebody who knows the hardware, for the method `rules`."""
        yield from ()

    def priors(self, cell: Cell[W]) -> Iterator[Rule]:
        """The same, for one cell: what its prompts tell of the device, `rules` may use."""
        yield from self.rules(cell.hardware)

    def frame(self, workload: W) -> str:
        """The template of what an agent is told of such cells, without its ending; empty for that
        of the track's name.
        """
        return ""

    def peer_is_default(self, workload: W) -> bool:
        """Whether the paper's column of defaults is of the peer, and not of the space's default."""
        return False

    def answer(self, cell: Cell[W]) -> Configuration | None:
        """What arithmetic alone says, where a cell is decided at once: all that `rules` then
        says.
        """
        return None


AnyTrack = Track[Any]


def public_prompt() -> str:
    """The template of tracks that bring none of their own."""
    return files("haqa_bench.tracks").joinpath(PUBLIC_PROMPT).read_text("utf-8")


def _recorded_trials(cell: Cell, path: Path) -> Evaluator:
    from haqa_bench.store import trials
    from haqa_bench.tracks.recorded_trials import RecordedTrials

    found = trials.read(path)
    trials.check(found, cell)
    return RecordedTrials(found, cell)


@cache
def known() -> Mapping[str, str]:
    """Every track, ours and those of plug-ins: name -> "module:VALUE". Ours are never hidden."""
    found = {name: plugin.path for name, plugin in plugins.known("tracks").items()}
    return MappingProxyType(found | BUILT_IN)


def ours() -> list[Plugin]:
    """The tracks that this package brings itself."""
    made = haqa_bench.__name__.replace("_", "-"), haqa_bench.__version__
    return [Plugin("tracks", name, path, *made) for name, path in BUILT_IN.items()]


def plugin(cell: Cell) -> Plugin | None:
    """What brought the track of a cell; None for ours."""
    return None if cell.track in BUILT_IN else plugins.known("tracks").get(cell.track)


@contextmanager
def faults(name: str, where: str, doing: str) -> Iterator[None]:
    """Tells what a plug-in's track raises in one line. What ours raise is a bug.

    Raises:
        PluginFailed: in place of any exception but HaqaError and EvaluationFailed.
    """
    brought = None if name in BUILT_IN else plugins.known("tracks").get(name)
    who = f"the track {brought}, {doing}"
    with plugins.faults(where, who, brought.path) if brought else nullcontext():
        yield


@cache
def named(name: str) -> AnyTrack:
    """The track of that name.

    Raises:
        HaqaError: there is none (names the nearest), or it cannot be loaded.
    """
    path = BUILT_IN.get(name) or known().get(name)
    where = f"track '{name}'"
    if path is None:
        raise HaqaError(where, "there is none", f"{BRINGS}. {nearest(name, sorted(known()))}")
    found = plugins.load(f"{where} ({path})", path)
    if Track not in type(found).__mro__:
        raise PluginFailed(f"{where} ({path})", "is no Track", "Inherit haqa_bench.tracks.Track")
    track: AnyTrack = found  # type: ignore[assignment]
    return track


def typed_cell(found: object) -> Cell:
    """A cell as a lock holds it, whose workload has the form that its track says.

    Raises:
        ValueError: it is none.
    """
    if isinstance(found, Cell):
        return found
    if not isinstance(found, dict) or not isinstance(found.get("track"), str):
        raise ValueError("a cell names its track")
    kind = with_workload(Cell, named(found["track"]))
    return kind.model_validate_json(json.dumps(found))


def with_workload(kind: type[Holder], track: AnyTrack) -> type[Holder]:
    """Cells, or blocks, whose workload has the form that a track says."""
    found: type[Holder] = kind[track.workload]  # type: ignore[index]
    return found


def of(cell: Cell[W]) -> Track[W]:
    """The track of a cell."""
    return named(cell.track)


def tuned_on_tests(cell: Cell) -> bool:
    """See Track; False of a plug-in's track that fails to say, which is told where it is run."""
    try:
        with faults(cell.track, "track failed", "asked what it is tuned on"):
            return of(cell).tuned_on_tests(cell.workload)
    except PluginFailed:
        return False


def metric(cell: Cell, name: str) -> Metric:
    """What a cell's metric is; one that its track does not know has one digit and no words."""
    found: Mapping[str, Metric] = of(cell).metrics_of(cell.workload)
    goal = next((g for g in cell.objective.goals if g.metric == name), cell.objective)
    return found.get(name) or Metric(name=name, unit=goal.unit, direction=goal.direction)
