"""haqa-bench table import."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.options import PROJECT, SUITE, chosen, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.store.kernel_tuner.imported import Conversion, Imported


@click.command(
    "import",
    cls=Command,
    examples=[
        "haqa-bench table import suites/mine.yaml cache.json --cell 'gemm*'",
        "haqa-bench table import mine t4.json --cell 'gemm*' --unit time=ms --replace",
    ],
)
@SUITE
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cell", "cell_id", required=True, help="The cell that FILE was measured for.")
@click.option(
    "--unit",
    "stated",
    multiple=True,
    metavar="[METRIC=]UNIT",
    help="The unit of a metric in FILE, where FILE does not say it; the cell's own metric, if none "
    "is named. May be given again.",
)
@click.option("--replace", is_flag=True, help="Put it in the place of a table that is there.")
@PROJECT
def import_(
    suite_path: Path,
    file: Path,
    cell_id: str,
    stated: tuple[str, ...],
    replace: bool,
    project: Path | None,
) -> None:
    """Import FILE, a Kernel Tuner cache or T4 results of the whole space, as the response table of
    a cell of SUITE.

    Units are converted to the cell's. What could not be measured stays in the table as a failure.
    """
    from haqa_bench.project import Project
    from haqa_bench.store import tables
    from haqa_bench.store.kernel_tuner.imported import imported

    suite, folder = open_suite(suite_path, project)
    cell = chosen(suite, cell_id, None)[0].cell
    path = Project(folder).own.table(cell)
    if path.exists() and not replace:
        raise HaqaError(path, "there is a table already", "Import over it with --replace")
    found = imported(file, cell, _units(cell, stated))
    if found.missing:
        raise HaqaError(
            file,
            f"{len(found.missing)} of {cell.space.size} configurations are missing, first "
            f"{found.missing[0]}",
            "List those that it holds as `configurations` in the suite's space, or have a suite "
            f"written: haqa-bench table suite {file} NEW.yaml --hardware NAME",
        )
    tables.write(path, _card(cell, file, found), found.rows)
    for line in _told(cell, file, path, found):
        echo(line)


def _units(cell: "Cell", stated: tuple[str, ...]) -> dict[str, str]:
    """The units that a person says, by metric."""
    pairs = [text.rpartition("=") for text in stated]
    return {name or cell.objective.metric: unit for name, _, unit in pairs}


def _card(cell: "Cell", file: Path, found: "Imported") -> Mapping[str, object]:
    from haqa_bench import __version__
    from haqa_bench.store import tables

    return {
        "cell": cell.id,
        "workload": cell.workload.model_dump(mode="json"),
        tables.IMPORTED: file.name,
        tables.IMPORTED_SHA256: found.file.sha256,
        "haqa_bench": __version__,
    }


def _told(cell: "Cell", file: Path, path: Path, found: "Imported") -> Iterator[str]:
    """What was imported, for somebody who knows the file."""
    from haqa_bench.space import key_of
    from haqa_bench.store import tables
    from haqa_bench.tracks.replayed import TableEvaluator

    table, failures = tables.read(path), sum(found.failures.values())
    default = table.entries[key_of(cell.space.default)].measurements
    known = [m.value for m in default if m.name == cell.objective.metric]
    whole = TableEvaluator(table, cell).whole
    best = f"{whole.optimum:g}" if whole and whole.optimum is not None else "unknown"
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.failures.items()))
    yield str(path)
    yield f"  imported from {file.name}, {found.file.form} (sha256 {found.file.sha256})"
    yield f"  {len(found.rows)} configurations, {failures} failed{': ' * bool(kinds)}{kinds}"
    yield from (f"  {_conversion(cell, one)}" for one in found.conversions)
    if found.alone:
        yield f"  {found.alone} values stand without their samples, whose statistic they are"
    said = f"{known[0]:g}" if known else "failed"
    yield f"  {cell.objective.metric}: default {said}, best {best} {cell.objective.unit}"


def _conversion(cell: "Cell", one: "Conversion") -> str:
    unit = next(goal.unit for goal in cell.objective.goals if goal.metric == one.metric)
    return f"{one.metric}, {unit}: the file's {one.called} in {one.unit}, times {one.factor:g}"
