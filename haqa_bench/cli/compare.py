"""haqa-bench compare."""

from pathlib import Path

import click


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--against", default="random", show_default=True, help="The method that the others are compared with.")
@click.option("--format", "kind", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True)
def compare(run_folder: Path, against: str, kind: str) -> None:
    """Compare the methods of RUN, a folder that `haqa-bench run` wrote: medians, intervals, tests, ranks."""
    from haqa_bench.report import compare as comparison
    from haqa_bench.report import formats

    click.echo(formats.FORMATS[kind](comparison.table(comparison.results(run_folder), against)), nl=False)
