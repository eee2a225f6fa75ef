"""haqa-bench view."""

from collections.abc import Sequence
from pathlib import Path

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import PROJECT, RUNS, RUNS_FOLDER
from haqa_bench.cli.terminal import echo


@click.command(
    cls=Command,
    examples=[
        "haqa-bench view llama",
        "haqa-bench view llama kernels --output report.html --no-open",
    ],
)
@RUNS
@click.option(
    "--output",
    type=FilePath(suffixes=("", ".html", ".htm")),
    metavar="FILE_OR_FOLDER",
    help="Where the page goes; to the folder of RUN, or of all runs where several are named.",
)
@click.option("--no-open", is_flag=True, help="Only write the page.")
@RUNS_FOLDER
@PROJECT
def view(
    run_folders: Sequence[Path], output: Path | None, no_open: bool, project: Path | None
) -> None:
    """Explore RUNs in the browser: their tables, curves, and every round of every study.

    Writes report.html, one file that loads nothing, and opens it.
    """
    import webbrowser

    from haqa_bench.report.page import page

    path = page.write_runs(run_folders, output or _place(run_folders, project), project)
    missing = not no_open and not webbrowser.open(path.resolve().as_uri())
    echo(
        f"Written to {path}" + ("; no browser was found here: open it in yours" if missing else "")
    )


def _place(folders: Sequence[Path], project: Path | None) -> Path:
    """The folder of a run's page: its own, or, of several, that of all runs."""
    from haqa_bench.project import project_above

    several = len(set(folders)) > 1
    return project_above(folders[0], project).runs if several else folders[0]
