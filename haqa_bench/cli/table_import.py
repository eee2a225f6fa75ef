"""haqa-bench table import: a suite and a table of a file, or a table for a cell that is there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT, FilePath
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.errors import HaqaError

OF_A_SUITE = (
    *("parameters", "metrics", "name", "about", "hardware", "default", "limit", "goal"),
    *("budget", "methods", "study"),
)
"""Options that say what a suite would say, where there is one."""


def _one(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """One character; a tab may be written as a shell has it."""
    found = {"\\t": "\t", "tab": "\t"}.get(text or "", text)
    if found is not None and (len(found) != 1 or found in '\r\n"'):
        raise HaqaError(f"--{parameter.name}", f"'{text}' is not one character that parts columns")
    return found


@click.command(
    "import",
    cls=Command,
    examples=[
        "haqa-bench table import data.csv --parameters a,b --metrics throughput:req/s:max",
        "haqa-bench table import data.csv --parameters a --metrics p99:ms:min --repeats-by run",
        "haqa-bench table import cache.json --hardware nvidia-a6000",
        "haqa-bench table import suites/mine.yaml cache.json --cell CELL --replace",
    ],
)
@click.argument("paths", metavar="[SUITE] FILE", type=FilePath(), nargs=-1, required=True)
@click.option("--parameters", help="Columns that are tuned, such as a,b,c.")
@click.option(
    "--metrics",
    help="What was measured: NAME:UNIT:max or NAME:UNIT:min, such as 'throughput:req/s:max,p99:ms:"
    "min'. The first is tuned for.",
)
@click.option("--status", help="Column that says whether a row was measured, or how it failed.")
@click.option(
    "--repeats-by",
    help="Column that numbers the repeats of a configuration; `line` where none does.",
)
@click.option("--name", help="Of the suite; the file's when left out.")
@click.option("--about", help="What was measured: all that an agent is told of it.")
@click.option("--hardware", help="What it was measured on: a profile's name.  [default: unstated]")
@click.option("--default", help="What people use: a=1,b=2; the first row when left out.")
@click.option(
    "--limit",
    multiple=True,
    help="'p99<=1.2x', of the default's, or 'p99<=200'. May be given again.",
)
@click.option("--goal", help="What is tuned for, if not the first metric; several for a front.")
@click.option("--budget", type=COUNT, help="Proposals of a study, the default included.")
@click.option("--methods", help="Optimizers, such as random,tpe.")
@click.option("--ok", "well", multiple=True, help="A word of the status that is a success.")
@click.option("--delimiter", callback=_one, help="What parts columns, if not , ; | or a tab.")
@click.option(
    "--decimal", callback=_one, default=".", show_default=True, help="The decimal mark of numbers."
)
@click.option("--study", help="Which study of an Optuna storage.")
@click.option("--cell", "cell_id", help="Cell of SUITE that FILE was measured for.")
@click.option(
    "--unit",
    "stated",
    multiple=True,
    metavar="[METRIC=]UNIT",
    help="The unit of a metric in FILE, where FILE does not say it. May be given again.",
)
@click.option("--replace", is_flag=True, help="Put it in the place of what is there.")
@PROJECT
@JSON
def import_(
    paths: tuple[Path, ...], cell_id: str | None, project: Path | None, as_json: bool, **said: Any
) -> None:
    """Take in measurements: CSV and the like, Parquet, JSON lines, Kernel Tuner caches, T4 results
    and Optuna storages.

    Of FILE alone, a suite is written that every method runs on, and its response table; the suite
    is yours to edit. With SUITE and --cell, FILE becomes the table of a cell that is there, in the
    cell's units. What could not be measured stays in the table as a failure. docs/own-tables.md.
    """
    if cell_id is None:
        from haqa_bench.cli.table_asked import Asked
        from haqa_bench.cli.table_new_suite import new_suite

        (file,) = _paths(paths, 1, "FILE alone; or SUITE and FILE with --cell ID")
        new_suite(file, Asked(**said), project, as_json)
        return
    from haqa_bench.cli.table_into_cell import Given, into_cell

    suite_path, file = _paths(paths, 2, "SUITE and FILE with --cell; or FILE alone without")
    if of_suite := [name for name in OF_A_SUITE if said[name]]:
        option = f"--{of_suite[0].replace('_', '-')}"
        raise HaqaError(option, "with --cell the suite says it", f"Leave {option} out")
    given = {name: said[name] for name in Given._fields}
    into_cell(suite_path, file, cell_id, Given(**given), project, as_json)


def _paths(paths: Sequence[Path], count: int, wanted: str) -> Sequence[Path]:
    if len(paths) != count:
        raise HaqaError(" ".join(map(str, paths)), f"are {len(paths)} paths", f"Name {wanted}")
    return paths
