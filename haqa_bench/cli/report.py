"""haqa-bench report."""

from pathlib import Path

import click

from haqa_bench.cli.options import PROJECT, project_of


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True)
@PROJECT
def report(run_folder: Path, kind: str, project: Path | None) -> None:
    """Print the table of RUN, a folder that `haqa-bench run` wrote, again."""
    from haqa_bench.report import formats, paper

    found = paper.tables(run_folder, project_of(run_folder, project) / "paper_tables")
    click.echo(formats.several(list(found.values()), kind), nl=False)
