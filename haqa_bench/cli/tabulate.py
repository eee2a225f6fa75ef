"""haqa-bench tabulate."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from haqa_bench.cli import in_vain
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT, SEED, Finite
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
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.project import Project
    from haqa_bench.protocols import LiveEvaluator
    from haqa_bench.run.best import Found, Wanted
    from haqa_bench.run.limited.clock import Clock
    from haqa_bench.run.limited.told import Ending
    from haqa_bench.run.sweep import Sweep

AT_ONCE = 64
"""Configurations that wait in a cluster at most: machines that join later find work."""
MOST_MINUTES = 525_600
"""A year."""
FOREVER_S = 60.0 * MOST_MINUTES
WITHIN = 2.0
"""Percent of an optimum that its interval may reach to either side, where --best says no other."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench tabulate kernels --cells '*rope*' --hardware my-machine --passes 5",
        "haqa-bench tabulate paper/kernels-large --passes 2 --best 10 --within 2",
        "haqa-bench tabulate device/settings --minutes 9 --floor 20 --passes 1",
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
@click.option(
    "--minutes",
    type=Finite(0, MOST_MINUTES, min_open=True),
    help="End before so many are over, the most telling first: the default of every cell in the "
    "suite's order, then every configuration once, cells in turn, then again, pass by pass. "
    "Nothing is started that by its forecast cannot end in time: it takes as long as the last "
    "time, else as the longest of its cell, else of others; the first guess is a tenth of the "
    "minutes.",
)
@click.option(
    "--floor",
    type=COUNT,
    default=1,
    metavar="N",
    help="Measure the default N times, spread over all passes: how far it varies is the noise "
    "floor, and is told.",
)
@click.option(
    "--remove-files",
    is_flag=True,
    help="Measure what needs the same file of a model together, and remove a file that was made "
    "before the next is: at most one lies on the disk.",
)
@click.option(
    "--best",
    type=Finite(0, 100, min_open=True),
    metavar="PERCENT",
    help="Then measure the best so many percent of each table's configurations again, in passes "
    "over those alone, until its optimum is known as --within says; 20 such passes at most.",
)
@click.option(
    "--within",
    type=Finite(0, 100, min_open=True),
    metavar="PERCENT",
    help="How far the 95 % interval of an optimum may reach to either side; 2 with --best.",
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
    minutes: float | None,
    floor: int,
    remove_files: bool,
    best: float | None,
    within: float | None,
    hardware: str | None,
    where: str,
    address: str,
    workers: int,
    project: Path | None,
    as_json: bool,
) -> None:
    """Measure every configuration of SUITE's cells on this machine, or on those of a Ray cluster,
    into response tables in results/tables/.

    Stopped, or out of its --minutes, it goes on with the same command.
    """
    from haqa_bench import tracks
    from haqa_bench.project import Project
    from haqa_bench.run.limited.clock import Clock
    from haqa_bench.run.measuring import evaluator_faults
    from haqa_bench.store.recorded import needs_table

    in_vain.check(click.get_current_context())
    clock = Clock(60 * minutes) if minutes else None
    suite, folder = open_elsewhere(suite_path, project, hardware, cells)
    own = Project(folder).own
    share_cores(workers)
    kept = {s.cell.id: s.cell for s in chosen(suite, None if hardware else cells, None)}
    needs_table(kept.values())
    order = Order(passes, order_seed, workers, address if where == "ray" else "")
    limits = Limits(clock, floor, remove_files)
    _check_alone(order, limits)
    wanted = _wanted(best, within, order, limits)
    for cell in (c for c in kept.values() if not tracks.of(c).swept):
        with evaluator_faults(cell):
            tracks.of(cell).record(cell, own.table(cell))
    measured = [c for c in kept.values() if tracks.of(c).swept]
    if limits.any:
        ended = _limited(measured, own, order, limits)
        files = [own.table(c) for c in kept.values() if c not in measured or ended.wrote(c.id)]
        echo(ended.as_json(files) if as_json else ended.words(files))
        return
    found = _sweep(measured, own, order, wanted)
    files = [own.table(cell) for cell in kept.values()]
    if as_json:
        more = {"best": [one._asdict() for one in found]} if wanted else {}
        echo(written(files, more))
    else:
        echo("\n".join([*map(str, files), *(one.words() for one in found)]))


class Order(NamedTuple):
    """How often and in which order a sweep measures; at which Ray cluster, if at one."""

    passes: int
    seed: int
    workers: int
    cluster: str


class Limits(NamedTuple):
    """What lets a sweep measure the most telling first: a time that ends it, a default that is
    repeated, a disk that holds one file.
    """

    clock: "Clock | None"
    floor: int
    remove_files: bool

    @property
    def any(self) -> bool:
        """Whether one of them was asked for."""
        return self.clock is not None or self.floor > 1 or self.remove_files


def _check_alone(order: Order, limits: Limits) -> None:
    """Raises HaqaError for limits of a sweep that measures several configurations at once."""
    if limits.any and (order.workers > 1 or order.cluster):
        what = "--minutes, --floor and --remove-files measure one configuration at a time, here"
        asked = "--executor ray" if order.cluster else "--workers"
        raise HaqaError(asked, what, "Leave it out, or those")


def _wanted(
    best: float | None, within: float | None, order: Order, limits: Limits
) -> "Wanted | None":
    """What was asked for of the best of each table.

    Raises:
        HaqaError: it makes no sense without, or with, what else was asked for.
    """
    from haqa_bench.run.best import Wanted

    if best is None:
        if within is not None:
            what = "says how well an optimum is to be known, by measuring the best again"
            raise HaqaError("--within", what, "Say how many of the best: --best 10")
        return None
    if limits.any:
        what = "goes on until an optimum is known, and --minutes, --floor and --remove-files do not"
        raise HaqaError("--best", what, "Leave it out, or those")
    return Wanted(best, WITHIN if within is None else within, order.passes, order.seed)


def _limited(measured: Sequence["Cell"], own: "Project", order: Order, limits: Limits) -> "Ending":
    """Measures cells as far as the time goes."""
    from haqa_bench.cli.progress import bar
    from haqa_bench.plugins import quiet
    from haqa_bench.run.limited import finish, within
    from haqa_bench.run.limited.clock import Clock
    from haqa_bench.run.limited.order import Passes, ordered
    from haqa_bench.run.sweep import check

    for cell in measured:
        check(cell)
    clock, passes = limits.clock or Clock(FOREVER_S), Passes(order.passes, limits.floor, order.seed)
    sweeps = _opened(measured, own, order)
    with quiet(), _alone(measured, order), bar() as progress:
        task = progress.add_task("measuring", total=len(ordered(sweeps, passes)))
        within(sweeps, passes, clock, lambda: progress.advance(task), limits.remove_files)
        return finish(sweeps, passes, clock)


def _opened(measured: Sequence["Cell"], own: "Project", order: Order) -> "list[Sweep]":
    from haqa_bench.run.measuring import live_evaluator
    from haqa_bench.run.sweep import open_sweep

    ray = order.cluster
    return [
        open_sweep(
            cell, own.table(cell), _spread(cell, ray) if ray else live_evaluator(cell, own.folder)
        )
        for cell in measured
    ]


def _alone(measured: Sequence["Cell"], order: Order) -> AbstractContextManager[None]:
    """This machine, held while it is measured."""
    from haqa_bench.backends import device

    here = not order.cluster and any(not c.simulated for c in measured)
    return device.exclusive() if here else nullcontext()


def _sweep(
    measured: Sequence["Cell"], own: "Project", order: Order, wanted: "Wanted | None"
) -> "Sequence[Found]":
    """Measures cells, each as often as there are passes, and then the best of each, where that is
    wanted; what came of that.
    """
    from haqa_bench.cli.progress import bar
    from haqa_bench.plugins import quiet
    from haqa_bench.run import best
    from haqa_bench.run.sweep import check, finish, measure

    if not measured:
        return ()
    for cell in measured:
        check(cell)
    sweeps = _opened(measured, own, order)
    at_once, found = AT_ONCE if order.cluster else order.workers, []
    with quiet(), _alone(measured, order), bar() as progress:
        task = progress.add_task(
            "measuring", total=order.passes * sum(cell.space.size for cell in measured)
        )

        def done() -> None:
            progress.advance(task)

        def begin(said: str, total: int) -> None:
            progress.update(task, description=said, completed=0, total=total)

        measure(sweeps, order.passes, order.seed, done, at_once, apart=bool(order.cluster))
        if wanted:
            found = best.again(sweeps, wanted._replace(workers=at_once), begin, done)
    told = {one.cell: {"best": one._asdict()} for one in found}
    for one in sweeps:
        finish(one, order.passes, order.seed, told.get(one.cell.id))
    return found


def _spread(cell: "Cell", address: str) -> "LiveEvaluator":
    """What measures a cell on the machines of a cluster that have its hardware."""
    from haqa_bench.run.executors.ray_sweep import spread

    return spread(cell, address)
