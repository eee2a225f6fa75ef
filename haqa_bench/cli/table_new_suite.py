"""What `haqa-bench table import FILE` does: a suite of a file, and its response table."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench import disk
from haqa_bench.cli.table_into_cell import card
from haqa_bench.cli.table_told import Told, told
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.store.own_tables.as_suite import Limited, Wanted
    from haqa_bench.store.own_tables.brought import Brought
    from haqa_bench.store.own_tables.frame import Frame
    from haqa_bench.store.own_tables.said import Metric, Most

UNSTATED = "unstated"
"""The profile of hardware that nobody named."""
LONGEST = 80
"""Characters of a name that is made of a file's."""


class Asked(NamedTuple):
    """The options, as they were given."""

    parameters: str | None
    metrics: str | None
    status: str | None
    repeats_by: str | None
    name: str | None
    about: str | None
    hardware: str | None
    default: str | None
    limit: tuple[str, ...]
    goal: str | None
    budget: int | None
    methods: str | None
    well: tuple[str, ...]
    delimiter: str | None
    decimal: str
    study: str | None
    stated: tuple[str, ...]
    replace: bool


def new_suite(file: Path, asked: Asked, given: Path | None, as_json: bool) -> None:
    """Writes suites/NAME.yaml of the project, and its cell's response table; says what they hold.

    Raises:
        HaqaError: the file, or what was said of it, is wrong; or there is such a suite already.
    """
    from haqa_bench.project import Project, project_above
    from haqa_bench.store import tables
    from haqa_bench.store.own_tables import as_suite
    from haqa_bench.suite import load

    project = project_above(Path.cwd(), given)
    name = _name(asked.name, file)
    target = project.folder / "suites" / f"{name}.yaml"
    brought = _brought(file, asked)
    wanted = _wanted(file, name, asked, brought)
    cell = _cell(file, as_suite.text(wanted), target, project.folder)
    table = Project(project.folder).own.table(cell)
    if not asked.replace and (there := [path for path in (target, table) if path.exists()]):
        raise HaqaError(there[0], "is there already", "Choose another --name, or --replace it")
    filled = brought.filled(cell)
    tables.write_columns(table, card(cell, file, brought.sha256), filled.table)
    disk.write(target, as_suite.text(wanted))
    (cell,) = load(target, project.folder).cells
    said = Told(file, brought.form, brought.sha256, brought.combinations, filled.failures)
    place = brought.default.place
    default = f"the first row that was measured ({place}); say another with --default"
    notes = [*filled.notes, f"default: {default if place else 'as you said'}"]
    command = _command(project.folder, name, given)
    if as_json:
        echo(json.dumps(said.as_json(cell, table, target, command), indent=2))
        return
    echo(target)
    for line in told(said, cell, table, notes):
        echo(line)
    echo(f"Edit {target.name}: `about` is all that agents are told. Then: {command}")


def _name(said: str | None, file: Path) -> str:
    """What the suite is called."""
    if said is None:
        found = re.sub(r"[^A-Za-z0-9._-]+", "-", file.name.split(".")[0])[:LONGEST].strip("-._")
        return found or "table"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", said):
        what = f"'{said}' is no name of a suite"
        raise HaqaError("--name", what, "Take letters, digits, dots, dashes and underscores")
    return said


def _brought(file: Path, asked: Asked) -> "Brought":
    """What a file holds, as far as it was asked for."""
    from haqa_bench.store.own_tables import said
    from haqa_bench.store.own_tables.opened import opened

    default = said.values(asked.default) if asked.default else None
    metrics = said.metrics(asked.metrics) if asked.metrics else []
    frame = opened(file, asked.delimiter, asked.decimal, asked.study)
    if frame is None:
        return _of_tuner(file, asked, metrics, default)
    return _of_columns(frame, asked, metrics, default)


def _of_columns(
    frame: "Frame", asked: Asked, metrics: "Sequence[Metric]", default: Mapping[str, str] | None
) -> "Brought":
    from haqa_bench.store.own_tables.brought import of_columns
    from haqa_bench.store.own_tables.mapped import Said, mapped
    from haqa_bench.store.own_tables.said import Metric, words

    if asked.stated:
        raise HaqaError("--unit", "units of columns stand in --metrics", "Leave --unit out")
    parameters = words(asked.parameters) or list(frame.parameters)
    metrics = metrics or [Metric(name, "1", way) for name, way in frame.metrics.items()]
    for option, found in (("--parameters", parameters), ("--metrics", metrics)):
        if not found:
            raise HaqaError(frame.path, f"say its columns with {option}", nearest("", frame.names))
    said = Said(
        parameters,
        metrics,
        asked.status or frame.status,
        asked.repeats_by or frame.repeats,
        asked.well,
    )
    return of_columns(frame, mapped(frame, said), default)


def _of_tuner(
    file: Path, asked: Asked, metrics: "Sequence[Metric]", default: Mapping[str, str] | None
) -> "Brought":
    from haqa_bench.store.kernel_tuner.as_suite import metric_of, of_tuner
    from haqa_bench.store.kernel_tuner.imported import read

    left_out = {
        "--parameters": asked.parameters,
        "--status": asked.status,
        "--repeats-by": asked.repeats_by,
    }
    for option, value in left_out.items():
        if value:
            raise HaqaError(option, f"{file.name} says itself what it holds", f"Leave {option} out")
    found = read(file)
    every = metrics or [metric_of(file, found)]
    stated = dict(_unit(text, every[0]) for text in asked.stated)
    return of_tuner(file, found, every, stated, default)


def _unit(text: str, metric: "Metric") -> tuple[str, str]:
    name, _, unit = text.rpartition("=")
    return name or metric.name, unit


def _wanted(file: Path, name: str, asked: Asked, brought: "Brought") -> "Wanted":
    from haqa_bench.space import RECORDED
    from haqa_bench.store.own_tables import as_suite
    from haqa_bench.store.own_tables.said import words

    known = [metric.name for metric in brought.metrics]
    goals = words(asked.goal) or known[:1]
    for goal in goals:
        if goal not in known:
            raise HaqaError("--goal", f"'{goal}' is none of the metrics", nearest(goal, known))
    front = [as_suite.FRONT] if len(goals) > 1 else []
    holes = brought.combinations > brought.configurations
    return as_suite.Wanted(
        name=name,
        origin=f"{file.name}, {brought.form}, sha256 {brought.sha256}",
        about=asked.about or f"measurements of {file.name}",
        hardware=asked.hardware or UNSTATED,
        metrics=brought.metrics,
        goals=goals,
        limits=_limits(asked.limit, brought),
        choices=brought.choices,
        default=brought.default.configuration,
        listed=RECORDED if holes else "",
        methods=words(asked.methods) or [*as_suite.METHODS, *front],
        proposals=asked.budget or as_suite.proposals(brought.configurations),
    )


def _limits(given: Sequence[str], brought: "Brought") -> "list[Limited]":
    """Limits as a suite has them: so many times the default's value."""
    from haqa_bench.store.own_tables import said

    known = {metric.name: metric.unit for metric in brought.metrics}
    found = []
    for one in said.limits(given):
        if one.metric not in known:
            near = nearest(one.metric, list(known))
            raise HaqaError("--limit", f"'{one.metric}' is none of the metrics", near)
        found.append(_limited(one, known[one.metric], brought.default.values))
    return found


def _limited(one: "Most", unit: str, default: Mapping[str, float] | None) -> "Limited":
    """A limit, where the default's values are known to have failed, or what they are."""
    from haqa_bench.store.own_tables.as_suite import Limited

    if default == {}:
        what = "the default failed, and limits are of its values"
        raise HaqaError("--limit", what, "Name another --default")
    if one.of_default:
        return Limited(one.metric, one.most)
    value = default[one.metric] if default else None
    if value is None or value <= 0:
        what = f"the default's {one.metric} is {'not known yet' if value is None else value}"
        todo = f"Say it as times the default's: {one.metric}<=1.5x"
        raise HaqaError("--limit", f"{what}: {one.most:g} is no multiple of it", todo)
    why = f"{one.most:g} {unit}; the default's is {value:g}"
    return Limited(one.metric, one.most / value, why)


def _cell(file: Path, text: str, target: Path, project: Path) -> "Cell":
    """The cell of a suite that is not written yet."""
    from haqa_bench import registry
    from haqa_bench.suite import load

    with TemporaryDirectory() as folder:
        path = disk.write(Path(folder) / target.name, text)
        try:
            suite = load(path, project, recorded=False)
            registry.check(suite.methods)
        except HaqaError as error:
            where = error.where.replace(str(path), f"{file} as a suite")
            raise HaqaError(where, error.what, error.todo) from None
    return suite.cells[0]


def _command(project: Path, name: str, given: Path | None) -> str:
    """How the suite is run."""
    said = f" --project {given}" if given and project != Path.cwd() else ""
    return f"haqa-bench run {name}{said}"
