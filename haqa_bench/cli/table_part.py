"""haqa-bench table take-in and close: what `tabulate --minutes` measured in part."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import CELLS, JSON, PROJECT, SUITE, chosen, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.project import Project
    from haqa_bench.run.limited.partial import Part


@click.command(
    "take-in",
    cls=Command,
    examples=[
        "haqa-bench table take-in device/llamas results-of-the-device",
    ],
)
@SUITE
@click.argument("source", metavar="FOLDER", type=FilePath(file_okay=False))
@CELLS
@PROJECT
@JSON
def take_in(
    suite_path: Path, source: Path, cells: str | None, project: Path | None, as_json: bool
) -> None:
    """Take in what tabulate measured of SUITE's cells on another machine, in the project that is
    FOLDER there: tables, and journals of what is not whole.

    Nothing that is here is overwritten. Go on with tabulate, or end with `table close`.
    """
    from haqa_bench.run.limited.partial import take_in as take

    kept, own = _opened(suite_path, project, cells)
    found = [take(cell, source, own.table(cell)) for cell in kept]
    parts = [part for part in found if part is not None]
    if not parts:
        what = "holds no table and no journal of these cells"
        raise HaqaError(source, what, "Name the folder in which results/tables/ lies")
    _tell(parts, as_json)


@click.command(
    cls=Command,
    examples=[
        "haqa-bench table close device/llamas",
    ],
)
@SUITE
@CELLS
@PROJECT
@JSON
def close(suite_path: Path, cells: str | None, project: Path | None, as_json: bool) -> None:
    """Write tables of what tabulate measured of SUITE's cells so far, whole or not.

    A table with holes is refused where all of a space is asked for; a space that says
    `configurations: recorded` holds what is in it.
    """
    from haqa_bench.run.limited.partial import close as close_one

    kept, own = _opened(suite_path, project, cells)
    parts = [part for cell in kept if (part := close_one(cell, own.table(cell)))]
    if not parts:
        todo = "Measure some with: haqa-bench tabulate SUITE --minutes N"
        raise HaqaError(suite_path, "none of these cells is measured in part", todo)
    _tell(parts, as_json)


def _opened(
    suite_path: Path, project: Path | None, cells: str | None
) -> "tuple[Sequence[Cell], Project]":
    """The cells that were asked for, and the project that they are written in."""
    from haqa_bench.project import Project
    from haqa_bench.store.recorded import needs_table

    suite, folder = open_suite(suite_path, project)
    kept = list({s.cell.id: s.cell for s in chosen(suite, cells, None)}.values())
    needs_table(kept)
    return kept, Project(folder).own


def _tell(parts: "Iterable[Part]", as_json: bool) -> None:
    if as_json:
        echo(json.dumps([part._asdict() for part in parts], indent=2, default=str))
        return
    for part in parts:
        echo(part.words())
