"""The n-th call that writes fails, for each n until the command succeeds: what is there is old or
new, the command says so in one line, and called again it gives what it would have given.

What a call fails with is a full disk, a broken one, or one that may only be read; once, or from
then on. DuckDB and Arrow write by themselves: for them no file may grow beyond a size, which grows.
"""

import builtins
import errno
import io
import os
import random
import resource
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import forked
import places
from kills import Known, Scenario, chosen, known
from places import DEPLOY, MADE, MEMORY, Place
from state import at_the_end, in_between, state
from tally import Log, Round

FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS)
CALLS = ("write", "fsync", "replace", "rename", "mkdir", "unlink", "truncate", "ftruncate", "link")
"""Functions of os that change a disk."""
WRITES = os.O_WRONLY | os.O_RDWR
ROOM = (0, *(4096 << n for n in range(11)))
"""Bytes that a file may grow to, where libraries write by themselves."""


class Fault(NamedTuple):
    """The `nth` call fails with `number`, once or from then on; a mark says that it came to it."""

    nth: int
    number: int
    lasting: bool
    mark: Path


class Failing:
    """Counts calls that write, in this process, and lets one fail."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.calls = fault, 0

    def install(self) -> None:
        """Wraps what the standard library writes with. It cannot be taken back: fork first."""
        for name in CALLS:
            setattr(os, name, self._failing(getattr(os, name), name))
        self._open = io.open
        self._os_open = os.open
        os.open = self._opened_by_number
        io.open = builtins.open = self._opened

    def check(self, what: str) -> None:
        """Raises OSError where this call is to fail."""
        self.calls += 1
        fault = self.fault
        if self.calls == fault.nth or (fault.lasting and self.calls > fault.nth):
            if self.calls == fault.nth:
                with self._open(fault.mark, "w") as mark:
                    mark.write(what)
            raise OSError(fault.number, os.strerror(fault.number), what)

    def _failing(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def checked(*given: Any, **named: Any) -> Any:
            if not (name == "write" and given[0] in (1, 2)):
                self.check(f"os.{name}")
            return call(*given, **named)

        return checked

    def _opened_by_number(self, path: Any, flags: int, *given: Any, **named: Any) -> int:
        if flags & WRITES:
            self.check(f"os.open {path}")
        return self._os_open(path, flags, *given, **named)

    def _opened(self, file: Any, mode: str = "r", buffering: int = -1, *given: Any, **named: Any):
        if not set(mode) & set("wax+") or file in (1, 2):
            return self._open(file, mode, buffering, *given, **named)
        if not isinstance(file, int):
            self.check(f"open {file}")
        raw = _Raw(self, file, mode.replace("t", "").replace("b", ""))
        if buffering == 0:
            return raw
        whole = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return whole if "b" in mode else io.TextIOWrapper(whole, *given, **named)


class _Raw(io.FileIO):
    """A file whose every write to the system may fail."""

    def __init__(self, failing: Failing, file: Any, mode: str) -> None:
        super().__init__(file, mode)
        self._failing = failing

    def write(self, data: Any) -> int:
        self._failing.check(f"write {self.name}")
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self._failing.check(f"truncate {self.name}")
        return super().truncate(size)


def scenarios(base_url: str) -> list[Scenario]:
    """What is tried: whatever writes."""
    run, cells = MEMORY.suite, ("--cells", DEPLOY.cells)
    live = (*DEPLOY.run, "--agent", "live", "--base-url", base_url, "--answered-by", "the trial")
    report = ("report", run, "--output", "out")
    older = (MEMORY.run, (*report, "--wide", "--no-published"))
    view = ("view", run, "--no-open", "--output", "out/page.html")
    export = ("table", "export", DEPLOY.suite, *cells, "--output", "out")
    figures = ("report", run, "--figures", "out", "--only", "gains")
    tried = (
        Scenario("run", (), MEMORY.run, (MEMORY.run,)),
        Scenario("record", (DEPLOY.run,), live, (live, DEPLOY.run)),
        Scenario("report --output", older, report, (report,)),
        Scenario("view --output", (MEMORY.run,), view, (view,)),
        Scenario("table export", ((*export, "--format", "t4"),), export, (export,)),
        Scenario("db rebuild", (MEMORY.run,), ("db", "rebuild", run), (("db", "rebuild", run),)),
        Scenario("report --figures", (MEMORY.run,), figures, (figures,)),
    )
    return list(tried)


class Attempt(NamedTuple):
    """What is to fail of a scenario, in words, and how."""

    scenario: Scenario
    what: str
    nth: int = 0
    lasting: bool = False
    room: int = 0


def attempts(place: Place, every: Sequence[Scenario]) -> list[Attempt]:
    """All that can fail: each call of each scenario, once and from then on; then each size."""
    found = []
    for one in every:
        counted = range(1, _calls(place, one) + 1)
        found += [Attempt(one, f"{one.name}: a call", n, False) for n in counted]
        found += [Attempt(one, f"{one.name}: a call and all after it", n, True) for n in counted]
        found += [Attempt(one, f"{one.name}: files that grow no more", room=r) for r in ROOM]
    return found


def _calls(place: Place, scenario: Scenario) -> int:
    """How many calls write while what is tried runs undisturbed."""
    place.restore(scenario.name)
    counted = place.kept / "calls"
    failing = Failing(Fault(0, 0, False, counted))

    def note() -> None:
        total = failing.calls
        counted.write_text(str(total))

    words = scenario.killed
    done = forked.begin(words, place.project, first=failing.install, last=note).wait()
    if done.code != 0:
        raise SystemExit(f"{' '.join(words)}, with calls counted: {done.stderr}")
    return int(counted.read_text())


def failed(place: Place, attempt: Attempt, wanted: Known, number: int) -> Round:
    """One fault, and the same command again without it."""
    scenario, mark = attempt.scenario, place.kept / "fault"
    place.restore(scenario.name)
    mark.unlink(missing_ok=True)
    fault = Fault(attempt.nth, FAULTS[number % len(FAULTS)], attempt.lasting, mark)
    first = Failing(fault).install if attempt.nth else partial(_limit, attempt.room)
    done = forked.begin(scenario.killed, place.project, first=first).wait()
    between = in_between(state(place.project, MADE), wanted.old, wanted.new)
    after = [forked.call(words, place.project) for words in scenario.then]
    end = at_the_end(state(place.project, MADE), wanted.end)
    told = done.code == 2 and "Traceback" not in done.stderr
    lost, differ = {*between.lost, *end.lost}, {*between.differ, *end.differ}
    again = [one.stderr.strip()[-400:] for one in after if one.code != 0]
    found = {
        "lost": int(bool(lost)),
        "differ": int(bool(differ)),
        "failed": int(bool(again)),
        "traceback": int(not told and done.code != 0),
        "told in a line": int(told),
        "went on": int(done.code == 0),
    }
    where = mark.read_text() if mark.exists() else f"{attempt.room} bytes"
    notes = [*sorted(lost), *sorted(differ), *again]
    notes += [] if told or done.code == 0 else [done.stderr.strip()[-600:]]
    return Round(number, attempt.what, found, (where, *notes) if notes else ())


def tried(
    base_url: str, only: str, folder: Path, rounds: Sequence[int], seed: int, log: Log
) -> None:
    """Does some rounds in a folder of their own: a draw of all that can fail, without repeats."""
    every = chosen(scenarios(base_url), only)
    place = places.made(folder)
    place.keep("start")
    forked.prepare(place.project, [DEPLOY.run])
    undisturbed = {one.name: known(place, one) for one in every}
    for one in every:
        forked.warm(one.killed, place.project)
    drawn = attempts(place, every)
    random.Random(seed).shuffle(drawn)
    for number in rounds:
        if number < len(drawn):
            attempt = drawn[number]
            log.add(failed(place, attempt, undisturbed[attempt.scenario.name], number))


def _limit(room: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
