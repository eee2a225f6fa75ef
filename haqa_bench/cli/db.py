"""haqa-bench db."""

from pathlib import Path

import click

from haqa_bench.cli.command import Group
from haqa_bench.cli.options import JSON, PROJECT, RUN, RUNS_FOLDER, written
from haqa_bench.cli.terminal import echo


@click.group(
    cls=Group,
    examples=[
        "haqa-bench db rebuild llama",
    ],
)
def db() -> None:
    """Rebuild a run's database."""


@db.command(
    examples=[
        "haqa-bench db rebuild llama",
    ],
)
@RUN
@RUNS_FOLDER
@PROJECT
@JSON
def rebuild(run_folder: Path, project: Path | None, as_json: bool) -> None:
    """Build RUN's database anew from its journals."""
    from haqa_bench.project import suite_of
    from haqa_bench.run.header import fixed
    from haqa_bench.store import database

    path = database.build(run_folder, fixed(suite_of(run_folder)))
    echo(written([path]) if as_json else path)
