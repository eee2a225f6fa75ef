"""What a plan replays is there before anything of it runs: cassettes and tables; and a method that
was recorded has the seeds that were.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench import shipped, tracks
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project
from haqa_bench.run import forking, sweep
from haqa_bench.run.plan import Plan
from haqa_bench.study import Method, Study
from haqa_bench.suite import Suite


def check(plan: Plan) -> None:
    """Raises HaqaError for the first cassette, or else table, that the plan lacks: says how many
    more, and which seeds there are. Also for programs that a suite names and nobody allows.
    """
    if plan.agent == "live" and not plan.programs.allowed:
        _no_commands(plan)
    forking.check(plan)
    found = lacking(plan)
    if found.cassettes:
        raise _no_cassette(plan, found.cassettes)
    if found.tables:
        raise _no_table(plan, found.tables)


class Lacking(NamedTuple):
    """What a plan replays and is not there: the studies of cassettes, the cells of tables."""

    cassettes: Sequence[Study]
    tables: Sequence[Cell]


def lacking(plan: Plan) -> Lacking:
    """What is not there of all that a plan replays."""
    asked = [s for s in plan.studies if s.method.chat and plan.agent == "cassette"]
    measured = plan.studies if plan.measure != "live" else []
    cells = {study.cell.id: study.cell for study in measured}.values()
    return Lacking(
        [study for study in asked if not plan.cassette(study).is_file()],
        [cell for cell in cells if _reads_a_table(cell) and not plan.recording(cell).is_file()],
    )


def hidden(plan: Plan) -> list[str]:
    """The recordings of a project that this plan replays in place of the package's own, which
    differ, by their path.
    """
    brought = shipped.folder()
    if brought in (None, plan.project):
        return []
    own = [path for path in plan.inputs if path.is_file() and path.is_relative_to(plan.project)]
    names = [path.relative_to(plan.project).as_posix() for path in own]
    theirs = [(name, brought / name) for name in names if (brought / name).is_file()]
    return [
        name for name, path in theirs if path.read_bytes() != (plan.project / name).read_bytes()
    ]


def _no_commands(plan: Plan) -> None:
    for study in plan.studies:
        for section in study.method.sections.values():
            if section.command:
                what = f"the suite would run a program: {shlex.join(section.command)}"
                todo = "If you trust it: --allow-commands"
                raise HaqaError(f"method '{study.method.name}'", what, todo)


def _no_cassette(plan: Plan, lacking: Sequence[Study]) -> HaqaError:
    first = lacking[0]
    every = [plan.cassette(s) for s in plan.suite.studies() if s.method.chat]
    known = sorted(recorded(plan.places, plan.suite, first.method).get(first.cell.id, ()))
    told = f"recorded seeds of {first.method.name} here: {', '.join(map(str, known)) or 'none'}"
    what = f"no such cassette{_more(lacking)}; {told}"
    todo = f"Record it with: haqa-bench run {_called(plan)} --agent live"
    if not any(path.is_file() for path in every):
        todo += ", or leave out who asks an LLM with --methods"
    return HaqaError(plan.cassette(first), what, todo)


def _no_table(plan: Plan, missing: Sequence[Cell]) -> HaqaError:
    first, path = missing[0], plan.recording(missing[0])
    if not first.space.finite:
        command = f"haqa-bench run {_called(plan)} --cells {first.id} --measure live"
        what = f"no recorded trials yet, and a space with {first.space.endless} has no table"
        what = f"{what}{_more(missing)}"
        return HaqaError(path, what, f"Measure some with: {command}")
    command = f"haqa-bench tabulate {_called(plan)} --cells {first.id}"
    if sweep.begun(plan.places.own.table(first)):
        what = f"is not whole: its cell was measured in part{_more(missing)}"
        return HaqaError(
            path,
            what,
            f"Go on with: {command}; or make a table of what there is: "
            f"haqa-bench table close {_called(plan)} --cells {first.id}",
        )
    todo = f"Measure it with: {command}; or import one, or run with --measure live"
    return HaqaError(path, f"no response table yet{_more(missing)}", todo)


def _called(plan: Plan) -> str:
    return plan.places.called(plan.suite.name)


def _more(found: Sequence[object]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""


def _reads_a_table(cell: Cell) -> bool:
    """Whether a track's recordings lie where tables do: others may come without a file."""
    own = "recorded" in vars(type(tracks.of(cell)))
    return tracks.plugin(cell) is None or not own


def recorded(project: Project, suite: Suite, method: Method) -> Mapping[str, set[int]]:
    """The seeds of a method that were recorded, by cell."""
    found: dict[str, set[int]] = {}
    for cell in suite.cells if method.chat else ():
        files = project.files(f"cassettes/{suite.name}/{cell.id}/*.jsonl").values()
        seeds = (path.stem.removeprefix(f"{method.name}-s") for path in files)
        if known := {int(seed) for seed in seeds if seed.isdecimal()}:
            found[cell.id] = known
    return found


def with_seeds(suite: Suite, seeds: Sequence[int], project: Project, replays: bool) -> Suite:
    """The suite with other seeds. Where it `replays`, a method that was recorded, and has no seeds
    of its own, has those of them that were.
    """
    recordings = suite.methods if replays else ()
    seeded = {m.name: _seeded(suite, m, seeds, project) for m in recordings}
    methods = tuple(seeded.get(m.name, m) for m in suite.methods)
    return suite.model_copy(update={"seeds": tuple(seeds), "methods": methods})


def _seeded(suite: Suite, method: Method, seeds: Sequence[int], project: Project) -> Method:
    known = set[int]().union(*recorded(project, suite, method).values())
    kept = tuple(seed for seed in seeds if seed in known)
    if method.seeds is not None or not kept or len(kept) == len(seeds):
        return method
    return method.model_copy(update={"seeds": kept})


def there(study: Study, suite: Suite, project: Project) -> bool:
    """Whether a study was recorded, or none of its method and cell was."""
    known = recorded(project, suite, study.method).get(study.cell.id, set())
    return not known or study.seed in known
