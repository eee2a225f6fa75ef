"""haqa-bench report."""

from collections.abc import Sequence
from pathlib import Path

import click

from haqa_bench.cli.options import PROJECT, RUNS, project_of


@click.command()
@RUNS
@click.option("--format", "kind", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True)
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE_OR_FOLDER", help="Instead: write one page of all RUNs to explore.")
@PROJECT
def report(run_folders: Sequence[Path], kind: str, html: Path | None, project: Path | None) -> None:
    """Print the tables of RUNs, folders that `haqa-bench run` wrote, again."""
    from haqa_bench.cli import page
    from haqa_bench.report import formats, paper

    if html:
        click.echo(f"Written to {page.write(run_folders, html, project)}")
        return
    found = [table for run in run_folders for table in paper.tables(run, project_of(run, project) / "paper_tables").values()]
    click.echo(formats.several(found, kind), nl=False)
