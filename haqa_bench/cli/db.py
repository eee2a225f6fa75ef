"""haqa-bench db."""

from pathlib import Path

import click


@click.group()
def db() -> None:
    """Rebuild a run's database."""


@db.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
def rebuild(run_folder: Path) -> None:
    """Build RUN's database anew from its journals."""
    from haqa_bench.store import database

    click.echo(database.build(run_folder))
