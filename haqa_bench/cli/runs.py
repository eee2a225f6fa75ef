"""haqa-bench runs."""

import json
from pathlib import Path

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.options import JSON, PROJECT, RUNS_FOLDER
from haqa_bench.cli.terminal import echo


@click.command(
    cls=Command,
    examples=[
        "haqa-bench runs",
        "haqa-bench runs --json",
    ],
)
@RUNS_FOLDER
@PROJECT
@JSON
def runs(project: Path | None, as_json: bool) -> None:
    """List the runs that there are, the latest first: suite, when, who answered and what measured,
    complete or not, and folder.

    The name of a suite stands for its latest run, wherever a command wants a RUN; how a folder's
    name begins does for one of them.
    """
    from haqa_bench.project import project_above, run_folders
    from haqa_bench.run.listed import listed

    found = [listed(folder) for folder in run_folders(project_above(Path.cwd(), project))]
    if as_json:
        echo(json.dumps([run._asdict() for run in found], indent=2, ensure_ascii=False))
        return
    for run in found:
        how = f"agent {run.agent}, measurements {run.measure}"
        ended = "complete" if run.complete else "not complete"
        echo(f"{run.suite:<20} {run.when}  {how}, {ended}: {run.folder}")
    if not found:
        echo("There is no run yet: haqa-bench run SUITE", err=True)
