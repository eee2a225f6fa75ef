"""haqa-bench tabulate."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT, SEED
from haqa_bench.cli.options import (
    ADDRESS,
    CELLS,
    DATA,
    EXECUTOR,
    HARDWARE,
    JSON,
    PROJECT,
    QUIET,
    SUITE,
    TRAININGS,
    chosen,
    open_elsewhere,
    share_cores,
    written,
)
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.project import Project
    from haqa_bench.protocols import LiveEvaluator

AT_ONCE = 64
"""Configurations that wait in a cluster at most: machines that join later find work."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench tabulate llama --cells '*int4*'",
        "haqa-bench tabulate kernels --passes 5",
        "haqa-bench tabulate kernels --cells '*rope*' --hardware my-machine",
        "haqa-bench tabulate kernels --executor ray --address HEAD:6379",
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
@HARDWARE
@EXECUTOR
@ADDRESS
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
    hardware: str | None,
    where: str,
    address: str,
    workers: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Measure every configuration of SUITE's cells on this machine, or on those of a Ray cluster,
    into response tables in results/tables/.

    Stopped, it goes on with the same command.
    """
    from haqa_bench import tracks
    from haqa_bench.project import Project
    from haqa_bench.run.measuring import evaluator_faults
    from haqa_bench.store.recorded import needs_table

    suite, folder = open_elsewhere(suite_path, project, hardware, cells)
    own = Project(folder).own
    share_cores(workers)
    kept = {s.cell.id: s.cell for s in chosen(suite, None if hardware else cells, None)}
    needs_table(kept.values())
    for cell in (c for c in kept.values() if not tracks.of(c).swept):
        with evaluator_faults(cell):
            tracks.of(cell).record(cell, own.table(cell))
    measured = [c for c in kept.values() if tracks.of(c).swept]
    order = Order(passes, order_seed, workers, address if where == "ray" else "")
    _sweep(measured, own, order)
    files = [own.table(cell) for cell in kept.values()]
    echo(written(files) if as_json else "\n".join(map(str, files)))


class Order(NamedTuple):
    """How often and in which order a sweep measures; at which Ray cluster, if at one."""

    passes: int
    seed: int
    workers: int
    cluster: str


def _sweep(measured: Sequence["Cell"], own: "Project", order: Order) -> None:
    """Measures cells, each as often as there are passes."""
    from haqa_bench.backends import device
    from haqa_bench.cli.progress import bar
    from haqa_bench.plugins import quiet
    from haqa_bench.run.measuring import live_evaluator
    from haqa_bench.run.sweep import check, open_sweep, sweep

    if not measured:
        return
    for cell in measured:
        check(cell)
    ray = order.cluster
    sweeps = [
        open_sweep(
            cell, own.table(cell), _spread(cell, ray) if ray else live_evaluator(cell, own.folder)
        )
        for cell in measured
    ]
    here = not ray and any(not c.simulated for c in measured)
    alone = device.exclusive() if here else nullcontext()
    with quiet(), alone, bar() as progress:
        task = progress.add_task(
            "measuring", total=order.passes * sum(cell.space.size for cell in measured)
        )
        done, at_once = lambda: progress.advance(task), AT_ONCE if ray else order.workers
        sweep(sweeps, order.passes, order.seed, done, at_once, apart=bool(ray))


def _spread(cell: "Cell", address: str) -> "LiveEvaluator":
    """What measures a cell on the machines of a cluster that have its hardware."""
    from haqa_bench.run.executors.ray_sweep import spread

    return spread(cell, address)
