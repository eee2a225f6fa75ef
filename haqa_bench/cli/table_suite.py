"""haqa-bench table suite."""

from pathlib import Path
from typing import Literal

import click

from haqa_bench import disk
from haqa_bench.cli.command import Command
from haqa_bench.cli.options import PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError


@click.command(
    "suite",
    cls=Command,
    examples=[
        "haqa-bench table suite cache.json suites/mine.yaml --hardware nvidia-a6000",
    ],
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--hardware", required=True, help="What FILE was measured on: a profile's name.")
@click.option("--metric", help="What is tuned for; FILE's objective when left out.")
@click.option("--unit", help="Its unit, where FILE does not say it.")
@click.option(
    "--direction",
    type=click.Choice(["minimize", "maximize"]),
    help="Which way is better; minimize for times when left out.",
)
@PROJECT
def suite(
    file: Path,
    target: Path,
    hardware: str,
    metric: str | None,
    unit: str | None,
    direction: Literal["minimize", "maximize"] | None,
    project: Path | None,
) -> None:
    """Write TARGET, a suite with the space of FILE, a Kernel Tuner cache or T4 results.

    Where FILE lacks combinations, those that it has are listed in a file beside it.
    """
    from haqa_bench.project import project_above
    from haqa_bench.space import LISTED
    from haqa_bench.store.kernel_tuner.as_suite import as_suite, metric_of
    from haqa_bench.store.kernel_tuner.imported import read
    from haqa_bench.suite import load

    folder = project_above(target.parent, project).folder
    listed = target.with_suffix(f".{LISTED}.json")
    if there := [path for path in (target, listed) if path.exists()]:
        raise HaqaError(there[0], "is there already", "Name another, or remove it")
    found = read(file)
    wanted = metric_of(file, found, metric, unit, direction)
    made = as_suite(file, found, target, hardware, wanted)
    echo(disk.write(target, made.suite))
    if made.configurations:
        echo(disk.write(listed, made.configurations))
    (cell,) = load(target, folder).cells
    echo(f"Import it: haqa-bench table import {target} {file} --cell {cell.id}")
