"""A command is killed at a random moment, then called again: what is there at the end is what it
would have been, and nothing of it still runs.

Moments are drawn evenly over the undisturbed duration. One worker: the whole session is killed.
Two: the main process alone, by SIGKILL, SIGTERM or SIGHUP; it has to take the others with it.
"""

import random
import signal
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import forked
import places
from places import DEPLOY, KERNEL, MADE, QLORA, SELECTIONS, Place
from state import Harm, State, at_the_end, in_between, litter, state, steady_text
from tally import Log, Round

Words = tuple[str, ...]
TRIES = 6
"""How often a command may end before its moment comes."""


class Scenario(NamedTuple):
    """`given` are done before, `killed` is killed, `then` are done after; the last of them makes
    good what was killed.
    """

    name: str
    given: tuple[Words, ...]
    killed: Words
    then: tuple[Words, ...]
    workers: int = 1


class Known(NamedTuple):
    """A scenario without a kill: how long what is killed takes (s), what there is before it, after
    it and at the end, and what the commands after it print.
    """

    seconds: float
    old: State
    new: State
    end: State
    said: tuple[str, ...]


def scenarios(base_url: str) -> list[Scenario]:
    """All that is tried, the quick ones first."""
    found = [Scenario(f"run {s.track}", (), s.run, (s.run,)) for s in SELECTIONS]
    found += [
        Scenario(f"run {s.track} by 2 workers", (), (*s.run, "--workers", "2"), (s.run,), 2)
        for s in (DEPLOY, QLORA, KERNEL)
    ]
    found += [_recording(s, base_url) for s in (DEPLOY, QLORA, KERNEL)]
    found += [_recording(DEPLOY, base_url, "2"), _half(base_url), _half(base_url, whole=True)]
    run = DEPLOY.suite
    outputs = {
        "report --output": ("report", run, "--output", "out"),
        "view --output": ("view", run, "--no-open", "--output", "out/page.html"),
        "db rebuild": ("db", "rebuild", run),
    }
    found += [Scenario(n, (DEPLOY.run, *_older(w)), w, (w,)) for n, w in outputs.items()]
    export = ("table", "export", run, "--cells", DEPLOY.cells, "--output", "out")
    t4 = (*export, "--format", "t4")
    return [*found, Scenario("table export", (t4,), export, (export,))]


def _older(words: Words) -> tuple[Words, ...]:
    """What leaves another file in the place of what a command writes."""
    if words[0] == "report":
        return ((*words, "--wide", "--no-published"),)
    return (KERNEL.run, ("view", KERNEL.suite, *words[2:])) if words[0] == "view" else ()


def _live(words: Words, base_url: str) -> Words:
    return (*words, "--agent", "live", "--base-url", base_url, "--answered-by", "the trial")


def _recording(s: places.Selection, base_url: str, workers: str = "1") -> Scenario:
    """Killed while it records over what was recorded before."""
    live = _live(s.run, base_url)
    killed = (*live, "--workers", workers) if workers != "1" else live
    name = f"record {s.track}" + (f" by {workers} workers" if workers != "1" else "")
    return Scenario(name, (s.run,), killed, (live, s.run), int(workers))


def _half(base_url: str, whole: bool = False) -> Scenario:
    """Killed while it records; then another selection records a study that both have, before the
    first goes on. `whole`: the other selection's recording is there before.
    """
    one = _live(DEPLOY.run, base_url)
    other = tuple("haqa" if word == "haqa,random" else word for word in one)
    given = (DEPLOY.run, other) if whole else (DEPLOY.run,)
    name = "record then another selection" + (" recorded before" if whole else "")
    return Scenario(name, given, one, (other, one, DEPLOY.run))


def known(place: Place, scenario: Scenario) -> Known:
    """What a scenario comes to where nothing is killed."""
    place.restore("start")
    for words in scenario.given:
        _good(place, words)
    place.keep(scenario.name)
    old = state(place.project, MADE)
    done = _good(place, scenario.killed, scenario.workers > 1)
    new = state(place.project, MADE)
    said = tuple(steady_text(_good(place, words).stdout) for words in scenario.then)
    return Known(done.seconds, old, new, state(place.project, MADE), said)


def _good(place: Place, words: Words, executed: bool = False) -> forked.Done:
    done = forked.call(words, place.project, executed)
    if done.code != 0:
        raise SystemExit(f"{' '.join(words)}: exit code {done.code}\n{done.stderr}")
    return done


def killed(place: Place, scenario: Scenario, wanted: Known, number: int, seed: int) -> Round:
    """One kill. Draws again where the command had ended before its moment."""
    draw = random.Random(f"{seed}:{number}")
    for _ in range(TRIES):
        place.restore(scenario.name)
        begun = forked.begin(scenario.killed, place.project, scenario.workers > 1)
        time.sleep(draw.uniform(0, wanted.seconds))
        by = draw.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGHUP))
        alone = scenario.workers > 1
        begun.kill(by if alone else signal.SIGKILL, group=not alone)
        code = begun.wait().code
        left = begun.left()
        if code != 0:
            break
    between = in_between(state(place.project, MADE), wanted.old, wanted.new)
    after = [forked.call(words, place.project) for words in scenario.then]
    again = [words for words, done in zip(scenario.then, after, strict=True) if done.code == 2]
    after += [forked.call(words, place.project) for words in again]
    end = at_the_end(state(place.project, MADE), wanted.end)
    counts = {
        "came too late": int(code == 0),
        "processes left": left,
        "unfinished files left": litter(place.project, MADE),
    }
    return _round(number, scenario.name, (between, end), wanted, after, counts)


def _round(
    number: int,
    name: str,
    harms: Sequence[Harm],
    wanted: Known,
    after: Sequence[forked.Done],
    counts: Mapping[str, int],
) -> Round:
    refused = [d.stderr.strip() for d in after[: len(wanted.said)] if d.code == 2]
    failed = [d.stderr.strip()[-400:] for d in after if d.code not in (0, 2)]
    failed += [d.stderr.strip()[-400:] for d in after[len(wanted.said) :] if d.code == 2]
    pairs = zip(after, wanted.said, strict=False)
    printed = [
        f"printed: {d.stdout[:200]}"
        for d, said in pairs
        if d.code == 0 and steady_text(d.stdout) != said
    ]
    lost = {path for harm in harms for path in harm.lost}
    differ = {path for harm in harms for path in harm.differ}
    found = {
        "lost": int(bool(lost)),
        "differ": int(bool(differ or printed)),
        "refused": int(bool(refused)),
        "failed": int(bool(failed)),
        **counts,
    }
    return Round(number, name, found, (*sorted(lost), *sorted(differ), *refused, *failed, *printed))


def chosen(every: Sequence[Scenario], only: str) -> list[Scenario]:
    """The scenarios whose names match one of some patterns."""
    return [s for s in every if any(fnmatch(s.name, pattern) for pattern in only.split(","))]


def tried(
    base_url: str, only: str, folder: Path, rounds: Sequence[int], seed: int, log: Log
) -> None:
    """Does some rounds in a folder of their own."""
    every = chosen(scenarios(base_url), only)
    place = places.made(folder)
    place.keep("start")
    forked.prepare(place.project, [DEPLOY.run])
    for scenario in every:
        forked.warm(scenario.killed, place.project)
    undisturbed: dict[str, Known] = {}
    for number in rounds:
        scenario = every[number % len(every)]
        if scenario.name not in undisturbed:
            undisturbed[scenario.name] = known(place, scenario)
        log.add(killed(place, scenario, undisturbed[scenario.name], number, seed))
