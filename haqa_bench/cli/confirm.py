"""haqa-bench confirm."""

from pathlib import Path

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.options import (
    DATA,
    JSON,
    PROJECT,
    QUIET,
    RUN,
    RUNS_FOLDER,
    TRAININGS,
    matching,
    project_of,
    share_cores,
    written,
)
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError


@click.command(
    cls=Command,
    examples=[
        "haqa-bench confirm llama",
        "haqa-bench confirm llama --cells '*int4*' --methods haqa,random",
    ],
)
@RUN
@click.option(
    "--cells",
    shell_complete=completion.cells,
    default="*",
    show_default=True,
    help="Only these cells, such as '*int4*'; * and ? match.",
)
@click.option(
    "--methods",
    shell_complete=completion.methods,
    help="Only the winners of these methods, such as haqa,random; * and ? match.",
)
@TRAININGS
@QUIET
@DATA
@RUNS_FOLDER
@PROJECT
@JSON
def confirm(
    run_folder: Path,
    cells: str,
    methods: str | None,
    workers: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Measure the winners of RUN again on this machine: in interleaved pairs with the default, or,
    where it trains, anew and on a test set.

    What is found goes to results/confirmed/, for every run of the same cells, and into RUN.
    Stopped, it goes on with the same command.
    """
    from haqa_bench import disk, tracks
    from haqa_bench.backends import device
    from haqa_bench.cli.progress import bar
    from haqa_bench.plugins import quiet
    from haqa_bench.project import Project, confirmed_in, suite_of
    from haqa_bench.run import confirm
    from haqa_bench.run.header import fixed
    from haqa_bench.run.measuring import evaluator_faults, live_evaluator
    from haqa_bench.store import database

    folder = project_of(run_folder, project)
    share_cores(workers)
    suite = suite_of(run_folder)
    found = database.winners(
        run_folder, matching("--methods", methods, [m.name for m in suite.methods])
    )
    asked = matching("--cells", cells, [c.id for c in suite.cells])
    kept = [
        c
        for c in suite.cells
        if not c.simulated
        and tracks.of(c).confirmed != "none"
        and c.id in asked
        and any(name == c.id for name, _ in found)
    ]
    if modelled := [c.id for c in kept if c.id in database.simulated(run_folder)]:
        what = f"the numbers of {modelled[0]} are a surrogate's: no winner of it was measured"
        raise HaqaError(run_folder, what, "Measure some: haqa-bench run SUITE --measure live")
    files = []
    with device.exclusive(), bar() as progress:
        for cell in kept:
            evaluator = live_evaluator(cell.confirming, folder)
            path = Project(folder).own.confirmed(cell)
            task = progress.add_task(cell.id)
            winners = confirm.winners(found, cell)
            with quiet(), evaluator_faults(cell):
                for left in confirm.record(cell, evaluator, winners, path, workers):
                    told = f"{cell.id}: {left} left"
                    progress.update(task, total=left, completed=0, description=told)
            disk.write(confirmed_in(run_folder, cell), path.read_bytes())
            database.build(run_folder, fixed(suite))
            files.append(path)
            if not as_json:
                echo(path)
    if as_json:
        echo(written(files))
