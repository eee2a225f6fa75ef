"""haqa-bench view."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import JSON, PROJECT, RUNS, RUNS_FOLDER, written
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError


@click.command(
    cls=Command,
    examples=[
        "haqa-bench view",
        "haqa-bench view llama",
        "haqa-bench view llama kernels --output report.html --no-open",
    ],
)
@RUNS
@click.option(
    "--output",
    type=FilePath(suffixes=("", ".html", ".htm")),
    metavar="FILE_OR_FOLDER",
    help="Instead of serving: write the page, one file that needs no server and loads nothing.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Port on 127.0.0.1 to serve at.",
)
@click.option("--no-open", is_flag=True, help="Open no browser; say where the page is.")
@RUNS_FOLDER
@PROJECT
@JSON
def view(
    run_folders: Sequence[Path],
    output: Path | None,
    port: int,
    no_open: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    """Explore RUNs in the browser: their tables, curves, and every round of every study; without a
    RUN, all runs of the project.

    The page follows a run that is going on. It is served to this machine alone, until Ctrl-C.
    """
    from haqa_bench.cli.live.browser import show

    if output:
        path = _write(run_folders, output, project)
        if not no_open:
            show(path.resolve().as_uri())
        echo(written([path]) if as_json else f"Written to {path}")
    else:
        _serve(run_folders, port, project, no_open, as_json)


def _serve(
    folders: Sequence[Path], port: int, project: Path | None, no_open: bool, as_json: bool
) -> None:
    """Serves until it is stopped, which is how it ends well."""
    from haqa_bench.cli.live.browser import show
    from haqa_bench.cli.live.pages import Every, Runs
    from haqa_bench.cli.live.server import Server, Site

    shown = Runs(folders, project) if folders else Every(project)
    with Server(Site(shown), port) as server:
        told = {"url": server.url, "runs": [str(folder) for folder in folders]}
        echo(json.dumps(told) if as_json else f"Serving {server.url} (Ctrl-C stops)")
        if not no_open:
            show(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            echo("stopped", err=True)


def _write(folders: Sequence[Path], output: Path, project: Path | None) -> Path:
    """The page of the runs that were named, or of all that can be read."""
    from haqa_bench.cli.live.snapshot import readable
    from haqa_bench.project import project_above, run_folders
    from haqa_bench.report.page import page
    from haqa_bench.tune.answer import answer

    every = [] if folders else run_folders(project_above(Path.cwd(), project))
    kept = list(folders) or [folder for folder in every if _can_be_read(folder)]
    if not kept:
        raise HaqaError("view", "there is no run to show", "Run a suite: haqa-bench run SUITE")
    with page.opened(kept, project, readable, answer) as sources:
        return page.write(sources, output)


def _can_be_read(folder: Path) -> bool:
    from haqa_bench.cli.live.snapshot import readable

    try:
        with readable(folder):
            return True
    except HaqaError as fault:
        echo(f"left out: {fault}", err=True)
        return False
