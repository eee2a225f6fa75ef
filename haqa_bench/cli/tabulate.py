"""haqa-bench tabulate."""

from contextlib import nullcontext
from pathlib import Path

import click

from haqa_bench.cli.given import COUNT, SEED
from haqa_bench.cli.options import (
    DATA,
    HARDWARE,
    PROJECT,
    SUITE,
    TRAININGS,
    chosen,
    open_elsewhere,
    share_cores,
)
from haqa_bench.cli.terminal import echo


@click.command()
@SUITE
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
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
@TRAININGS
@DATA
@PROJECT
def tabulate(
    suite_path: Path,
    cells: str | None,
    passes: int,
    order_seed: int,
    hardware: str | None,
    workers: int,
    project: Path | None,
) -> None:
    """Measure every configuration of SUITE's cells on this machine, into response tables in
    results/tables/.

    Stopped, it goes on with the same command.
    """
    from haqa_bench import tracks
    from haqa_bench.backends import device
    from haqa_bench.cli.progress import bar
    from haqa_bench.plugins import quiet
    from haqa_bench.project import Project
    from haqa_bench.run.measuring import evaluator_faults
    from haqa_bench.run.sweep import open_sweep, sweep

    suite, folder = open_elsewhere(suite_path, project, hardware, cells)
    share_cores(workers)
    kept = {s.cell.id: s.cell for s in chosen(suite, None if hardware else cells, None)}
    for cell in (c for c in kept.values() if not tracks.of(c).swept):
        with evaluator_faults(cell):
            tracks.of(cell).record(cell, Project(folder).table(cell))
        echo(Project(folder).table(cell))
    measured = [c for c in kept.values() if tracks.of(c).swept]
    if not measured:
        return
    sweeps = [open_sweep(cell, Project(folder).table(cell)) for cell in measured]
    alone = device.exclusive() if any(not c.simulated for c in measured) else nullcontext()
    with quiet(), alone, bar() as progress:
        task = progress.add_task(
            "measuring", total=passes * sum(cell.space.size for cell in measured)
        )
        sweep(sweeps, passes, order_seed, lambda: progress.advance(task), workers)
    for one in sweeps:
        echo(one.target)
