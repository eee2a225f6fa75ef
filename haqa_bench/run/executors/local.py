"""Runs studies on this machine: one after the other, or several at once in processes of their own.

A worker process sends its entries home as they come, so that one process writes all journals, and a
worker that dies takes at most the trial in flight with it: its study goes on from its journalled
trials in another one.
"""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.managers import SyncManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.backends import device
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Evaluator
from haqa_bench.run.executors import runs
from haqa_bench.run.executors.shared import Shared
from haqa_bench.run.measuring import timed
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import Ended, Entry, entries, evaluator_of
from haqa_bench.study import Study
from haqa_bench.trial import Trial

LIVES = 3
"""How often what is left is begun again after a worker died."""
_home: "queue.Queue[tuple[int, Entry]]"
_serial: "Serial"
_shared: "Shared[Work]"


class Serial:
    """One study after the other, in this process. `evaluators` by cell id take the place of those
    that the plan names. `turn`: who holds this file measures or computes.
    """

    def __init__(
        self, evaluators: Mapping[str, Evaluator] | None = None, turn: Path | None = None
    ) -> None:
        self.evaluators = dict(evaluators or {})
        self.turn = turn
        self._made: dict[tuple[str, str], Evaluator] = {}

    def run(
        self, plan: Plan, jobs: Sequence[tuple[Study, Sequence[Trial]]]
    ) -> Iterator[tuple[Study, Entry]]:
        """See Executor."""
        for study, trials in jobs:
            evaluator = partial(self.evaluator, plan, study.cell)
            for entry in entries(plan, study, trials, evaluator, self.turn):
                yield study, entry

    def evaluator(self, plan: Plan, cell: Cell) -> Evaluator:
        """See Executor."""
        if cell.id in self.evaluators:
            return self.evaluators[cell.id]
        if runs(cell) not in self._made:
            self._made[runs(cell)] = evaluator_of(plan, cell)
        return self._made[runs(cell)]

    def hold(self, plan: Plan) -> AbstractContextManager[None]:
        """See Executor."""
        return device.exclusive() if plan.measure == "live" else nullcontext()


class Work(NamedTuple):
    """What the workers of a run have in common; a job is the number of a study."""

    plan: Plan
    studies: Sequence[Study]
    evaluators: Mapping[str, Evaluator]
    turn: Path | None
    """Who holds this file measures or computes; None where measurements do not disturb one another.
    """


class Workers:
    """Several studies at once, in `count` processes. Live measurements of times would disturb one
    another, and methods that compute would disturb them, so they take turns, while agents wait for
    their LLMs.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def run(
        self, plan: Plan, jobs: Sequence[tuple[Study, Sequence[Trial]]]
    ) -> Iterator[tuple[Study, Entry]]:
        """See Executor."""
        with TemporaryDirectory() as folder:
            turn = Path(folder) / "turn.lock" if timed(plan) else None
            yield from self._run_all(plan, jobs, turn)

    def _run_all(
        self, plan: Plan, jobs: Sequence[tuple[Study, Sequence[Trial]]], turn: Path | None
    ) -> Iterator[tuple[Study, Entry]]:
        left = {number: (study, list(trials)) for number, (study, trials) in enumerate(jobs)}
        shared = Shared(_work_of(plan, [study for study, _ in jobs], turn))
        for _ in range(LIVES):
            for number, entry in self._run(shared, left):
                study, trials = left[number]
                if isinstance(entry, Trial):
                    trials.append(entry)
                elif isinstance(entry, Ended):
                    del left[number]
                yield study, entry
            if not left:
                return
        stuck = next(iter(left.values()))[0].id
        raise HaqaError(
            stuck, f"its worker process died {LIVES} times", "Run it with --workers 1 to see why"
        )

    def _run(
        self, shared: Shared[Work], jobs: Mapping[int, tuple[Study, list[Trial]]]
    ) -> Iterator[tuple[int, Entry]]:
        """What the workers send, until all are done or one has died. None outlives this process,
        nor this call where it is interrupted: `held` is the only end of its pipe, which the system
        closes whatever happens.
        """
        context = multiprocessing.get_context("spawn")
        lifeline, held = context.Pipe(duplex=False)
        manager = SyncManager(ctx=context)
        manager.start(_end_with, (lifeline,))
        with manager:  # its queue, unlike a plain one, survives a writer killed while it writes
            home = manager.Queue()
            with ProcessPoolExecutor(
                self.count,
                mp_context=context,
                initializer=_attach,
                initargs=(home, lifeline, shared),
            ) as pool:
                try:
                    working = [
                        pool.submit(_work, number, tuple(trials))
                        for number, (_, trials) in jobs.items()
                    ]
                    while not all(future.done() for future in working):
                        yield from _arrived(home, 0.05)
                    yield from _arrived(home, 0.05)
                except BaseException:
                    held.close()  # else the pool waits for studies to end
                    raise
                finally:
                    pool.shutdown(cancel_futures=True)
        _raise_faults(working)

    def evaluator(self, plan: Plan, cell: Cell) -> Evaluator:
        """See Executor."""
        return evaluator_of(plan, cell)

    def hold(self, plan: Plan) -> AbstractContextManager[None]:
        """See Executor. Trainings run beside one another; what is timed does not."""
        return device.exclusive() if plan.measure == "live" else nullcontext()


def _arrived(
    home: "queue.Queue[tuple[int, Entry]]", patience_s: float
) -> Iterator[tuple[int, Entry]]:
    while True:
        try:
            yield home.get(timeout=patience_s)
        except queue.Empty:
            return


def _raise_faults(working: Sequence["Future[None]"]) -> None:
    for future in working:
        fault = None if future.cancelled() else future.exception()
        if fault is not None and not isinstance(fault, BrokenProcessPool):
            raise fault


def _work_of(plan: Plan, studies: Sequence[Study], turn: Path | None) -> Work:
    """All that workers need: a response table of ours is read once, here."""
    cells = {study.cell.id: study.cell for study in studies}.values()
    ours = [c for c in cells if tracks.plugin(c) is None and tracks.of(c).swept]
    replayed = ours if plan.measure != "live" else []
    return Work(plan, studies, {cell.id: evaluator_of(plan, cell) for cell in replayed}, turn)


def _attach(
    home: "queue.Queue[tuple[int, Entry]]", lifeline: Connection, shared: Shared[Work]
) -> None:
    global _home, _serial, _shared
    work = shared.value
    _home, _serial, _shared = home, Serial(work.evaluators, work.turn), shared
    _end_with(lifeline)


def _end_with(lifeline: Connection) -> None:
    """Ends this process when the other end of a pipe is closed. Ctrl-C is for the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()


def _watch(lifeline: Connection) -> None:
    lifeline.poll(None)
    os._exit(1)


def _work(number: int, trials: Sequence[Trial]) -> None:
    """One study in a worker process, which keeps its evaluators from study to study."""
    work = _shared.value
    for _, entry in _serial.run(work.plan, [(work.studies[number], trials)]):
        _home.put((number, entry))
