"""haqa-bench compare."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.options import FORMAT, PROJECT, RUN, RUNS_FOLDER, WIDE, parts_of_tables
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.report.found.steps import Ledger
    from haqa_bench.report.tables.table import Table


@click.command(
    cls=Command,
    examples=[
        "haqa-bench compare llama",
        "haqa-bench compare llama --against tpe --format csv",
        "haqa-bench compare llama --curves evaluations",
    ],
)
@RUN
@click.option(
    "--against",
    shell_complete=completion.methods,
    default="random",
    show_default=True,
    help="The method that the others are compared with.",
)
@click.option(
    "--curves",
    type=click.Choice(["proposals", "evaluations", "seconds", "dollars"]),
    help="Instead: best so far and regret, against what was spent.",
)
@FORMAT
@WIDE
@parts_of_tables
@RUNS_FOLDER
@PROJECT
def compare(
    run_folder: Path,
    against: str,
    curves: "Ledger | None",
    kind: str,
    wide: bool,
    asked: "Callable[[Mapping[str, Table]], dict[str, Table]]",
    project: Path | None,
) -> None:
    """Compare the methods of RUN, a run's folder or its suite's name: medians, intervals, tests,
    ranks, and what each spent.
    """
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report import formats
    from haqa_bench.report.tables import catalogue
    from haqa_bench.report.tables import curves as best_so_far

    where = project_above(run_folder, project)
    with open_run(run_folder) as run:
        if curves:
            tables = {"curves": best_so_far.table(run, curves)}
        else:
            compared = catalogue.compared_with(run, where, against)
            tables = {"comparison": compared} | catalogue.compared(run, where, against)
    echo(formats.several(asked(tables), kind, wide), nl=False)
