"""haqa-bench compare."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.options import PROJECT, RUN, RUNS_FOLDER

if TYPE_CHECKING:
    from haqa_bench.project import Run
    from haqa_bench.report.found.steps import Ledger
    from haqa_bench.report.tables.table import Table


@click.command()
@RUN
@click.option(
    "--against",
    default="random",
    show_default=True,
    help="The method that the others are compared with.",
)
@click.option(
    "--curves",
    type=click.Choice(["proposals", "evaluations", "seconds", "dollars"]),
    help="Instead: best so far and regret, against what was spent.",
)
@click.option(
    "--format", "kind", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True
)
@RUNS_FOLDER
@PROJECT
def compare(
    run_folder: Path, against: str, curves: "Ledger | None", kind: str, project: Path | None
) -> None:
    """Compare the methods of RUN, a run's folder or its suite's name: medians, intervals, tests,
    ranks, and what each spent.
    """
    from haqa_bench.project import open_run
    from haqa_bench.report import formats
    from haqa_bench.report.tables import curves as best_so_far

    with open_run(run_folder) as run:
        tables = {"curves": best_so_far.table(run, curves)} if curves else _compared(run, against)
    click.echo(formats.several(tables, kind), nl=False)


def _compared(run: "Run", against: str) -> "dict[str, Table]":
    from haqa_bench.report.found import pairs, studies
    from haqa_bench.report.tables import comparison, fronts, spent

    found, floors = studies.results(run), pairs.pairs(run).floors
    return {
        "comparison": comparison.table(found, against, floors),
        **fronts.tables(run),
        "spent": spent.table(run),
    }
