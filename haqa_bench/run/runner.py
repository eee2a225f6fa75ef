"""Runs a plan into its folder: every trial is on the disk before the next of its study begins; then
the database is built. Where nothing is asked or measured, a study's trials are written together at
its end: one that is cut is replayed again from where its journal ends, to the same trials.

The folder is named by the hash of all that is run and replayed, so that the same command goes on
where it was stopped, and a changed input starts anew. One process writes a folder. A live run
measures the machine's noise floor first, and its winners again at the end; where a budget has a
reserve, the floor too, and only with a winner.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from haqa_bench import disk, tracks
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError, PluginFailed
from haqa_bench.project import confirmed_in, write_lock
from haqa_bench.run import confirm, inputs, taking
from haqa_bench.run.executors import Executor
from haqa_bench.run.header import fixed, same
from haqa_bench.run.measuring import evaluator_faults
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import Ended, Entry, Header, finished
from haqa_bench.store import database, failures
from haqa_bench.store.failures import Failure
from haqa_bench.store.journal import Journal
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class Event(NamedTuple):
    """A trial of a study, or, without one, the study's end with what is worth telling of it."""

    study: Study
    trial: Trial | None
    note: str = ""


class Pairing(NamedTuple):
    """A pair of a cell's winner, or of its default, with its default, about to be measured; how
    many are left.
    """

    cell: Cell
    left: int


def run(plan: Plan, folder: Path, executor: Executor) -> Iterator[Event | Pairing]:
    """Runs what is missing of every study into `folder`, then builds its database.

    Raises:
        HaqaError: a recording is missing or does not fit, an endpoint fails, another process runs
        here, or measures this machine.
    """
    plan = plan._replace(run=folder.name, target=folder)
    cells = list({s.cell.id: s.cell for s in plan.studies}.values())
    with ExitStack() as stack:
        stack.enter_context(_tidied(plan, folder))
        stack.callback(alone(folder).release)
        stack.enter_context(executor.hold(plan))
        inputs.check(plan)
        write_lock(folder, plan.suite)
        for cell in (c for c in cells if taking.takes(plan, c)):
            with suppress(PluginFailed), evaluator_faults(cell):  # its studies tell of it
                taking.Recorder(plan, cell, executor.evaluator(plan, cell))
        confirms = plan.measure == "live" and plan.confirms
        if confirms:
            yield from _pairs(
                plan, folder, executor, [c for c in cells if tracks.of(c).confirmed == "pairs"]
            )  # the noise floor of times
        failed: dict[str, Failure] = {}
        try:
            yield from _studies(plan, folder, executor, failed)
        finally:
            for cell in cells:
                taking.end(plan, cell)
        failures.write(folder, failed)
        _some_ended(plan, failed)
        if confirms:
            database.build(folder, fixed(plan.suite))
            yield from _pairs(plan, folder, executor, cells, database.winners(folder))
        elif plan.measure == "recorded":
            _copy_pairs(plan, folder, cells)
        database.build(folder, fixed(plan.suite))


def _some_ended(plan: Plan, failed: Mapping[str, Failure]) -> None:
    """Raises HaqaError where every study failed: there is nothing to print."""
    first = plan.studies[0].id
    if len(failed) == len(plan.studies):
        raise HaqaError(first, failed[first].what)


def _studies(
    plan: Plan, folder: Path, executor: Executor, failed: dict[str, Failure]
) -> Iterator[Event]:
    """Runs each study, and collects those that `failed`."""
    journals = {
        study.id: Journal(folder / "journal" / study.cell.id / study.file.name)
        for study in plan.studies
    }
    expected = fixed(plan.suite)
    for journal in (j for j in journals.values() if j.entries):
        name = f"{journal.path.parent.name}/{journal.path.name}"
        database.check_head(journal.path, journal.entries, expected.get(name))
    known = {
        name: database.trials(journal.path, journal.entries) for name, journal in journals.items()
    }
    jobs = []
    for study in plan.studies:
        if begun := journals[study.id].entries:
            now = {"identity": plan.identity([study]).to_json()}
            same(journals[study.id].path, begun[0], now)
        yield from (Event(study, trial) for trial in known[study.id])
        if finished(plan, study, known[study.id]):
            yield Event(study, None)
        else:
            jobs.append((study, known[study.id]))
    replays = plan.replays
    unwritten: dict[str, list[Mapping[str, Any]]] = {study.id: [] for study, _ in jobs}
    for study, entry in executor.run(plan, jobs):
        journal, lines = journals[study.id], unwritten[study.id]
        lines += _lines(journal, bool(lines), entry)
        if lines and (isinstance(entry, Ended) or not replays):
            journal.append(*lines)
            lines.clear()
        if isinstance(entry, Ended):
            if entry.failed:
                failed[study.id] = entry.failed
            taking.settle(plan, study.cell)
            yield Event(study, None, entry.note)
        elif isinstance(entry, Trial):
            yield Event(study, entry)


def _lines(journal: Journal, begun: bool, entry: Entry) -> list[Mapping[str, Any]]:
    """What of an entry is to be journalled: a header once, and then it must be the same."""
    if isinstance(entry, Trial):
        return [{"kind": "trial", **entry.model_dump(mode="json")}]
    if isinstance(entry, Header) and journal.entries:
        same(journal.path, journal.entries[0], entry.line)
    elif isinstance(entry, Header) and not begun:
        return [entry.line]
    return []


def _pairs(
    plan: Plan,
    folder: Path,
    executor: Executor,
    cells: list[Cell],
    found: Sequence[tuple[str, str]] = (),
) -> Iterator[Pairing]:
    """The default with itself, and each winner that was found with the default."""
    for cell in (c for c in cells if not c.simulated):
        configurations = confirm.winners(found, cell)
        if cell.budget.reserve is not None and len(configurations) == 1:
            continue  # time is short: nothing is held against the noise yet
        path = confirmed_in(folder, cell)
        with suppress(PluginFailed), evaluator_faults(cell):  # its studies tell of it
            for left in confirm.take(
                cell, executor.evaluator(plan, cell.confirming), configurations, path
            ):
                yield Pairing(cell, left)


def _copy_pairs(plan: Plan, folder: Path, cells: list[Cell]) -> None:
    for cell in cells:
        if confirm.read(plan.pairs(cell), cell):
            disk.write(confirmed_in(folder, cell), plan.pairs(cell).read_bytes())


@contextmanager
def _tidied(plan: Plan, folder: Path) -> Iterator[None]:
    """A run's folder. A replay that is refused, or a live run before anything was measured, leaves
    no new one behind.
    """
    new = not folder.exists()
    with disk.faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except HaqaError:
        begun = any(folder.glob("journal/*/*.jsonl")) or any(folder.glob("confirmed/*/*"))
        if new and (plan.replays or not begun):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def alone(folder: Path) -> FileLock:
    """A lock on a run's folder, held.

    Raises:
        HaqaError: another process runs here.
    """
    fault = HaqaError(folder, "another process is running this", "Wait for it, or end it")
    return disk.held(folder / "running.lock", fault)
