"""haqa-bench report."""

from pathlib import Path

import click

from haqa_bench.cli.options import PROJECT, project_of


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True)
@PROJECT
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), help="Instead: draw RUN into this folder (needs matplotlib).")
def report(run_folder: Path, kind: str, project: Path | None, figures: Path | None) -> None:
    """Print the table of RUN, a folder that `haqa-bench run` wrote, again."""
    from haqa_bench.report import formats, paper

    if figures:
        return _draw(run_folder, project_of(run_folder, project), figures)
    found = paper.tables(run_folder, project_of(run_folder, project) / "paper_tables")
    click.echo(formats.several(list(found.values()), kind), nl=False)


def _draw(run_folder: Path, project: Path, target: Path) -> None:
    from haqa_bench.report.figures import album

    names = album.write(run_folder, project, target)
    for name in names:
        click.echo(target / name)
    click.echo("Each as .pdf, .svg and .png, with its caption in .txt." if names else "This run holds nothing to draw.", err=True)
