"""haqa-bench compare."""

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
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
def compare(run_folder: Path, against: str, curves: Any, kind: str) -> None:
    """Compare the methods of RUN, a folder that `haqa-bench run` wrote: medians, intervals, tests,
    ranks, and what each spent.
    """
    from haqa_bench.report import compare as comparison
    from haqa_bench.report import curves as best_so_far
    from haqa_bench.report import formats, fronts, ledgers, pairs

    if curves:
        tables = {"curves": best_so_far.table(run_folder, curves)}
    else:
        measured = pairs.read(run_folder)
        tables = {
            "comparison": comparison.table(
                comparison.results(run_folder), against, measured.floors
            ),
            **fronts.tables(run_folder),
            "spent": ledgers.table(run_folder),
        }
    click.echo(formats.several(tables, kind), nl=False)
