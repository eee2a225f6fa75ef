"""haqa-bench trials."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from haqa_bench.cli.command import Group
from haqa_bench.cli.options import CELLS, JSON, PROJECT, SUITE, matching, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.documents import JsonObject
    from haqa_bench.store.trials import Recorded, Recording
    from haqa_bench.suite import Suite

LIVE = "haqa-bench run SUITE --measure live"


class Of(NamedTuple):
    """A cell and its recorded trials."""

    cell: "Cell"
    recording: "Recording"


@click.group(
    cls=Group,
    examples=[
        "haqa-bench trials show paper/qlora",
        "haqa-bench trials show my-kernels --code 3f2a91c0",
    ],
)
def trials() -> None:
    """Show recorded trials, and the sources that agents wrote."""


@trials.command(
    examples=[
        "haqa-bench trials show paper/qlora",
        "haqa-bench trials show my-kernels --cells '*softmax*' --json",
        "haqa-bench trials show my-kernels --code 3f2a91c0 > softmax.cl",
    ],
)
@SUITE
@CELLS
@click.option(
    "--code",
    metavar="NAME",
    help="Print the source of this name alone, whole: 'code 3f2a91c0', or its digits.",
)
@PROJECT
@JSON
def show(
    suite_path: Path, cells: str | None, code: str | None, project: Path | None, as_json: bool
) -> None:
    """Show the recorded trials of SUITE's cells, each with its status, its value and what it set;
    a source by its short name, and with --code whole.
    """
    suite, folder = open_suite(suite_path, project)
    found = _recorded(suite, cells, folder)
    if code is not None:
        told = _source(found, code)
        source = json.dumps(told, indent=2, ensure_ascii=False) if as_json else told["source"]
        echo(str(source), nl=as_json)
        return
    if as_json:
        rows = [_told(of, one) for of in found for one in _ordered(of)]
        echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for of in found:
        echo(f"{of.cell.id}: {of.recording.path}")
        for one in _ordered(of):
            echo(f"  {_line(_told(of, one))}")


def _recorded(suite: "Suite", cells: str | None, folder: Path) -> list[Of]:
    """The cells that were asked for and have recorded trials.

    Raises:
        HaqaError: none has; or what was recorded is damaged, or of another cell.
    """
    from haqa_bench.project import Project
    from haqa_bench.store import trials as recorded

    wanted = matching("--cells", cells, [cell.id for cell in suite.cells])
    kept = [c for c in suite.cells if c.id in wanted and not c.space.finite]
    if not kept:
        what = "no cell of it has recorded trials: response tables hold what was measured"
        raise HaqaError(suite.name, what, f"See: haqa-bench table show {suite.name}")
    paths = [Project(folder).trials(cell) for cell in kept]
    both = zip(kept, paths, strict=True)
    found = [Of(cell, recorded.read(path)) for cell, path in both if path.is_file()]
    if not found:
        raise HaqaError(paths[0], "no recorded trials yet", f"Measure some with: {LIVE}")
    for of in found:
        recorded.check(of.recording, of.cell)
    return found


def _ordered(of: Of) -> list["Recorded"]:
    """The trials of a cell, the default first, then by the key of their configuration."""
    from haqa_bench.space import key_of

    default = key_of(of.cell.space.default)
    return sorted(of.recording.trials.values(), key=lambda one: (one.key != default, one.key))


def _told(of: Of, one: "Recorded") -> "JsonObject":
    """A trial; a source stands in its configuration by the short name."""
    from haqa_bench.parameters.code import named

    goal, own = of.cell.objective, of.cell.space.root
    chosen = named(one.configuration)
    values = one.measurements(of.recording.header.source)
    return {
        "cell": of.cell.id,
        "configuration": {name: chosen[name] for name in own},
        "status": str(one.status),
        "reason": one.reason,
        "metric": goal.metric,
        "value": next((m.value for m in values if m.name == goal.metric), None),
        "unit": goal.unit,
        "seconds": one.seconds,
        "date": one.date,
        "machine": one.machine,
    }


def _line(told: "JsonObject") -> str:
    if told["value"] is None:
        what = told["status"]
    else:
        what = f"{told['metric']} {told['value']:.5g} {told['unit']}"
    set_to = ", ".join(f"{n} {chosen or '(none)'}" for n, chosen in told["configuration"].items())
    return f"{told['date']}  {what}: {set_to}"


def _source(found: Sequence[Of], code: str) -> "JsonObject":
    """The source that a name or its digits stand for, with its trials.

    Raises:
        HaqaError: that is no name, or no recorded trial has it, or several sources have.
    """
    from haqa_bench.parameters.code import DIGITS, digest, shown

    given = re.fullmatch(rf"(?:code )?([0-9a-f]{{{DIGITS},64}})", code.strip())
    if given is None:
        todo = "Give one as tables have it, such as 'code 3f2a91c0', or its digits"
        raise HaqaError("--code", f"{code!r} is no name of a source", todo)
    sources = {
        str(one.configuration[name])
        for of in found
        if (name := of.cell.space.code)
        for one in of.recording.trials.values()
        if one.configuration[name]
    }
    those = [source for source in sources if digest(source).startswith(given[1])]
    if len(those) != 1:
        known = ", ".join(sorted(str(shown(source)) for source in sources)) or "none"
        what = f"{'more than one' if those else 'no'} recorded source is named {given[1]}"
        raise HaqaError("--code", what, f"Known: {known}")
    name = str(shown(those[0]))
    rows = [_told(of, one) for of in found for one in _ordered(of)]
    of_it = [row for row in rows if name in row["configuration"].values()]
    return {"code": name, "sha256": digest(those[0]), "source": those[0], "trials": of_it}
