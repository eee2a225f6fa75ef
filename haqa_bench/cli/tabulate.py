"""haqa-bench tabulate."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT, SEED
from haqa_bench.cli.options import (
    CELLS,
    DATA,
    JSON,
    PROJECT,
    QUIET,
    SUITE,
    TRAININGS,
    chosen,
    open_suite,
    share_cores,
    written,
)
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.project import Project


@click.command(
    cls=Command,
    examples=[
        "haqa-bench tabulate llama --cells '*int4*'",
        "haqa-bench tabulate kernels --passes 5",
    ],
)
@SUITE
@CELLS
@click.option(
    "--passes",
    type=COUNT,
    default=3,
    show_default=True,
    help="How often the whole of each cell is measured.",
)
@click.option(
    "--order-seed",
    type=SEED,
    default=0,
    show_default=True,
    help="Seed of the random order within a pass.",
)
@TRAININGS
@QUIET
@DATA
@PROJECT
@JSON
def tabulate(
    suite_path: Path,
    cells: str | None,
    passes: int,
    order_seed: int,
    workers: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Measure every configuration of SUITE's cells on this machine, into response tables in
    results/tables/.

    Stopped, it goes on with the same command.
    """
    from haqa_bench import tracks
    from haqa_bench.project import Project
    from haqa_bench.run.measuring import evaluator_faults

    suite, folder = open_suite(suite_path, project)
    own = Project(folder).own
    share_cores(workers)
    kept = {s.cell.id: s.cell for s in chosen(suite, cells, None)}
    for cell in (c for c in kept.values() if not tracks.of(c).swept):
        with evaluator_faults(cell):
            tracks.of(cell).record(cell, own.table(cell))
    measured = [c for c in kept.values() if tracks.of(c).swept]
    _sweep(measured, own, passes, order_seed, workers)
    files = [own.table(cell) for cell in kept.values()]
    echo(written(files) if as_json else "\n".join(map(str, files)))


def _sweep(
    measured: Sequence["Cell"], own: "Project", passes: int, order_seed: int, workers: int
) -> None:
    """Measures cells, each as often as there are passes."""
    from haqa_bench.backends import device
    from haqa_bench.cli.progress import bar
    from haqa_bench.plugins import quiet
    from haqa_bench.run.sweep import open_sweep, sweep

    if not measured:
        return
    sweeps = [open_sweep(cell, own.table(cell)) for cell in measured]
    alone = device.exclusive() if any(not c.simulated for c in measured) else nullcontext()
    with quiet(), alone, bar() as progress:
        task = progress.add_task(
            "measuring", total=passes * sum(cell.space.size for cell in measured)
        )
        sweep(sweeps, passes, order_seed, lambda: progress.advance(task), workers)
