"""haqa-bench view."""

from collections.abc import Sequence
from pathlib import Path

import click

from haqa_bench.cli.options import PROJECT, RUNS, RUNS_FOLDER


@click.command()
@RUNS
@RUNS_FOLDER
@PROJECT
def view(run_folders: Sequence[Path], project: Path | None) -> None:
    """Explore RUNs in the browser: their tables, curves, and every round of every study.

    Writes report.html, one file that loads nothing, to the folder of the first RUN, and opens it.
    """
    import webbrowser

    from haqa_bench.report.page import page

    path = page.write_runs(run_folders, run_folders[0], project)
    opened = webbrowser.open(path.resolve().as_uri())
    click.echo(
        f"Written to {path}" + ("" if opened else "; no browser was found here: open it in yours")
    )
