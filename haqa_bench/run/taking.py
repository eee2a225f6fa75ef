"""What a live run measures of cells whose space has a range: each configuration once, and all of it
recorded.

What was measured is on the disk, in the run's folder, before anybody hears of it: a kill loses the
measurements in flight alone. When a study has ended, what the run has measured is merged into
results/trials/, for all methods, suites and runs that have the cell.
"""

import datetime
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from haqa_bench import __version__, disk
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.project import trials_in
from haqa_bench.protocols import Evaluator, Outcome, Whole, runs_live, tells_build
from haqa_bench.run import versions
from haqa_bench.run.measuring import finite
from haqa_bench.run.plan import Plan
from haqa_bench.space import Configuration, key_of
from haqa_bench.store import trials
from haqa_bench.store.journal import Journal
from haqa_bench.store.trials import Header, Recorded, Recording

FRESH = "or start anew with --fresh"


class Begun(Header):
    """How the journal of a run's trials begins."""

    fresh: bool = False
    """Whether the run measures again what was recorded before it."""


class Recorder:
    """An evaluator that measures what nobody has measured yet, and takes what was: by this run, or,
    unless it is `fresh`, by any other of the same cell on the same machine, with the same build.

    Raises:
        HaqaError: what was recorded, or what this run began with, is of another machine or build.
    """

    whole: Whole | None = None

    def __init__(self, plan: Plan, cell: Cell, inner: Evaluator) -> None:
        self.plan, self.cell, self.inner = plan, cell, inner
        self.journal = journal_of(plan, cell)
        self.header = _header(cell, inner)
        self.taken = 0
        """How many measurements were taken from recordings, in place of being made."""
        self._new = self._begin()
        self._known()
        self._left = {} if self._new.fresh else _left_behind(plan, cell, self.header)

    @property
    def machine(self) -> str:
        """See Evaluator."""
        return self.inner.machine

    @property
    def told(self) -> str:
        """What is worth telling at the end of a study."""
        if not self.taken:
            return ""
        return f"{self.taken} of its configurations were measured before, and not measured again"

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        with self._alone_with(configuration):
            known, key = self._known(), key_of(configuration)
            self.taken += key in known or key in self._left
            found = known.get(key) or self._put(
                self._left.get(key) or self._measured(configuration)
            )
        return found.outcome(self.header.source)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is measured for winners is recorded elsewhere."""
        return self.inner.sample(configuration, repeat)

    def _known(self) -> Mapping[str, Recorded]:
        before = None if self._new.fresh else _recorded(self.plan, self.cell, self.header)
        with _held(self.journal):
            of_run = _journalled(self.journal, Journal(self.journal))
        return {**(before.trials if before else {}), **of_run.trials}

    def _measured(self, configuration: Configuration) -> Recorded:
        found: Outcome | EvaluationFailed
        try:
            found = finite(self.inner.measure(configuration))
        except EvaluationFailed as failure:
            found = failure
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        told = {"machine": self.machine, "haqa_bench": __version__}
        return trials.taken(configuration, found, day, **told)

    def _put(self, trial: Recorded) -> Recorded:
        """The same, once it is on the disk."""
        with _held(self.journal):
            Journal(self.journal).append(trial.model_dump(mode="json"))
        return trial

    def _begin(self) -> Begun:
        """Begins the run's journal of this cell, or goes on with it."""
        new = Begun(**self.header.model_dump(), fresh=self.plan.fresh)
        with _held(self.journal):
            journal = Journal(self.journal)
            if not journal.entries:
                journal.append(new.model_dump(mode="json"))
                return new
            begun = _begun(_journalled(self.journal, journal))
        if other := trials.differences(begun, self.header, self.cell):
            raise _elsewhere(self.journal, "was begun", other, begun, self.header)
        return begun

    @contextmanager
    def _alone_with(self, configuration: Configuration) -> Iterator[None]:
        """Lets one process at a time measure a configuration: who waits takes what it measured."""
        folder = _locks(self.journal)
        with disk.faults(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{sha256(dict(configuration))[:16]}.lock"):
            yield


def journal_of(plan: Plan, cell: Cell) -> Path:
    """Where a run's own measurements of a cell lie."""
    return trials_in(plan.target or plan.folder, cell)


def takes(plan: Plan, cell: Cell) -> bool:
    """Whether what is measured of a cell is recorded trial by trial."""
    return plan.measure == "live" and not cell.space.finite


def settle(plan: Plan, cell: Cell) -> None:
    """Merges what a run has measured of a cell into results/trials/. What was recorded first stays,
    unless the run is fresh.

    Raises:
        HaqaError: that is of another machine or build by now, and stays as it is.
    """
    path, target = journal_of(plan, cell), plan.places.own.trials(cell)
    if not path.is_file():
        return
    with _held(path):
        of_run = _journalled(path, Journal(path))
    begun = _begun(of_run)
    header = Header(**begun.model_dump(exclude={"fresh"}))
    with trials.alone(target):
        before = _replaceable(plan, cell, begun)
        known = before.trials if before else {}
        both = {**known, **of_run.trials} if begun.fresh else {**of_run.trials, **known}
        if both:
            trials.put(target, header, both.values())


def end(plan: Plan, cell: Cell) -> None:
    """As `settle`, when nobody of the run measures any more."""
    shutil.rmtree(_locks(journal_of(plan, cell)), ignore_errors=True)
    settle(plan, cell)


def _left_behind(plan: Plan, cell: Cell, now: Header) -> Mapping[str, Recorded]:
    """What other runs of the suite measured and were killed before they could record."""
    own, found = journal_of(plan, cell), dict[str, Recorded]()
    folder = own.parents[2]
    for path in sorted(folder.parent.glob(f"*/{own.relative_to(folder).as_posix()}")):
        with suppress(HaqaError), _held(path):  # a damaged one is its own run's fault
            of_run = _journalled(path, Journal(path))
            if path != own and not trials.differences(of_run.header, now, cell):
                found |= of_run.trials
    return found


def _replaceable(plan: Plan, cell: Cell, begun: Begun) -> Recording | None:
    """What was recorded of a cell before; a fresh run takes the place of another machine's."""
    try:
        return _recorded(plan, cell, begun)
    except HaqaError:
        if begun.fresh:
            return None
        raise


def _recorded(plan: Plan, cell: Cell, now: Header) -> Recording | None:
    """What is recorded of a cell in the project, or else in the package; None where that is
    nothing, or what the package brings is of another machine.

    Raises:
        HaqaError: what the project has is damaged, or of another machine or build.
    """
    path = plan.places.trials(cell)
    if not path.is_file():
        return None
    found = trials.read(path)
    other = trials.differences(found.header, now, cell)
    if not other:
        return found
    if path != plan.places.own.trials(cell):
        return None
    raise _elsewhere(path, "was recorded", other, found.header, now)


def _elsewhere(path: Path, did: str, other: list[str], found: Header, now: Header) -> HaqaError:
    """What to tell of measurements that cannot stand beside those of here and now."""
    what = f"{did} on another machine: {found.machine}, and this is {now.machine}"
    todo = f"Go on there, measure here as another machine (--hardware NAME, of hardware/), {FRESH}"
    if "machine" not in other:
        what = f"{did} with another {', '.join(other)}{_builds(found, now)}"
        todo = f"Go on with what it was recorded with, {FRESH}"
    return HaqaError(path, what, todo)


def _builds(found: Header, now: Header) -> str:
    """The first library that differs, in words."""
    names = sorted(found.build.keys() | now.build.keys())
    pairs = ((name, found.build.get(name), now.build.get(name)) for name in names)
    told = [
        f": {name} {was or 'none'}, and here is {has or 'none'}"
        for name, was, has in pairs
        if was != has
    ]
    return told[0] if told else ""


def _header(cell: Cell, inner: Evaluator) -> Header:
    made_of = inner.made_of if runs_live(inner) else {}
    build = inner.build if tells_build(inner) else versions.of_track(cell)
    return trials.header(cell, inner.machine, build, made_of)


def _locks(journal: Path) -> Path:
    return journal.with_suffix(".locks")


def _held(journal: Path) -> FileLock:
    with disk.faults(journal):
        journal.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(journal.with_suffix(".lock"))


def _journalled(path: Path, journal: Journal) -> Recording:
    return trials.parsed(path, journal.entries, Begun)


def _begun(recording: Recording) -> Begun:
    return Begun.model_validate(recording.header.model_dump())
