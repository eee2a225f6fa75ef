"""What `haqa-bench table import FILE` does: a suite of a file, and its response table."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench import disk
from haqa_bench.cli.table_asked import Asked, brought
from haqa_bench.cli.table_into_cell import card
from haqa_bench.cli.table_told import Told, told
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.store.own_tables.as_suite import Limited
    from haqa_bench.store.own_tables.brought import Brought, Filled
    from haqa_bench.store.own_tables.said import Most

"""The profile of hardware that nobody named."""
LONGEST = 80
"""Characters of a name that is made of a file's."""


def new_suite(file: Path, asked: Asked, given: Path | None, as_json: bool) -> None:
    """Writes suites/NAME.yaml of the project, and its cell's response table; says what they hold.

    Raises:
        HaqaError: the file, or what was said of it, is wrong; or there is such a suite already.
    """
    from haqa_bench.project import project_above

    folder, name = project_above(Path.cwd(), given).folder, _name(asked.name, file)
    found = brought(file, asked)
    text = _text(file, name, asked, found)
    written = _write(file, found, text, folder, name, asked.replace)
    place = found.default.place
    default = f"the first row that was measured ({place}); say another with --default"
    notes = [*written.filled.notes, f"default: {default if place else 'as you said'}"]
    failures = written.filled.failures
    said = Told(file, found.form, found.sha256, found.combinations, failures)
    command = f"haqa-bench run {name}"
    command += f" --project {given}" if given and folder != Path.cwd() else ""
    if as_json:
        made = said.as_json(written.cell, written.table, written.suite, command)
        echo(json.dumps(made, indent=2))
        return
    echo(written.suite)
    for line in told(said, written.cell, written.table, notes):
        echo(line)
    echo(f"Edit {written.suite.name}: `about` is all that agents are told. Then: {command}")


class _Written(NamedTuple):
    """What was written, and where."""

    suite: Path
    table: Path
    cell: "Cell"
    filled: "Filled"


def _write(
    file: Path, found: "Brought", text: str, folder: Path, name: str, replace: bool
) -> _Written:
    """The table, and then the suite, which may say that the table is its space."""
    from haqa_bench.project import Project
    from haqa_bench.store import tables
    from haqa_bench.suite import load

    suite = folder / "suites" / f"{name}.yaml"
    cell = _cell(file, text, suite, folder)
    table = Project(folder).own.table(cell)
    if not replace and (there := [path for path in (suite, table) if path.exists()]):
        raise HaqaError(there[0], "is there already", "Choose another --name, or --replace it")
    filled = found.filled(cell)
    tables.write_columns(table, card(cell, file, found.sha256), filled.table)
    disk.write(suite, text)
    return _Written(suite, table, load(suite, folder).cells[0], filled)


def _name(said: str | None, file: Path) -> str:
    """What the suite is called."""
    if said is None:
        found = re.sub(r"[^A-Za-z0-9._-]+", "-", file.name.split(".")[0])[:LONGEST].strip("-._")
        return found or "table"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", said):
        what = f"'{said}' is no name of a suite"
        raise HaqaError("--name", what, "Take letters, digits, dots, dashes and underscores")
    return said


def _text(file: Path, name: str, asked: Asked, found: "Brought") -> str:
    """The suite."""
    from haqa_bench.hardware import UNSTATED
    from haqa_bench.space import RECORDED
    from haqa_bench.store.own_tables import as_suite
    from haqa_bench.store.own_tables.said import words

    known = [metric.name for metric in found.metrics]
    goals = words(asked.goal) or known[:1]
    for goal in goals:
        if goal not in known:
            raise HaqaError("--goal", f"'{goal}' is none of the metrics", nearest(goal, known))
    front = [as_suite.FRONT] if len(goals) > 1 else []
    holes = found.combinations > found.configurations
    wanted = as_suite.Wanted(
        name=name,
        origin=f"{file.name}, {found.form}, sha256 {found.sha256}",
        about=asked.about or f"measurements of {file.name}",
        hardware=asked.hardware or UNSTATED,
        metrics=found.metrics,
        goals=goals,
        limits=_limits(asked.limit, found),
        choices=found.choices,
        default=found.default.configuration,
        listed=RECORDED if holes else "",
        methods=words(asked.methods) or [*as_suite.METHODS, *front],
        proposals=asked.budget or as_suite.proposals(found.configurations),
    )
    return as_suite.text(wanted)


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
