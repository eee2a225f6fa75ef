"""Measures the best of each table again after a sweep, until its optimum is known well enough.

The optimum of a table is the largest of many noisy numbers, and so too large; more passes over all
would be spent on those that cannot be it. A further pass visits the best configurations of a cell
alone, as they stand before it, in a fresh random order, cells in turn; a cell is done when the
interval of its optimum, drawn pass by pass, is narrow enough, or after MOST passes.
"""

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from haqa_bench.arithmetic.estimate import QUIET, Interval, interval_of_passes
from haqa_bench.documents import JsonObject
from haqa_bench.run.measuring import evaluator_faults
from haqa_bench.run.sweep import AGAIN, Sweep, row_of
from haqa_bench.space import Configuration, key_of
from haqa_bench.tracks.repeats import as_they_come
from haqa_bench.trial import Source

MOST = 20
"""Further passes over the best of a cell, at most."""


class Wanted(NamedTuple):
    """The best `percent` of a cell's configurations that count, measured again until the optimum's
    interval is `within` so many percent of it to either side, after a sweep of so many `passes`.
    """

    percent: float
    within: float
    passes: int
    seed: int
    workers: int = 1

    @property
    def first(self) -> int:
        """The number of the first further pass."""
        return self.passes + AGAIN


class Found(NamedTuple):
    """A cell's optimum after so many further `passes` over its best `configurations`, in the unit
    of its objective; no interval of fewer than four undisturbed passes. `enough`: it is as narrow
    as it was to be.
    """

    cell: str
    percent: float
    within: float
    passes: int
    configurations: int
    optimum: str
    metric: str
    unit: str
    value: float
    low: float | None
    high: float | None
    enough: bool

    def words(self) -> str:
        """For people, in a line."""
        known = (
            "no interval of fewer than four undisturbed passes"
            if self.low is None or self.high is None
            else f"95 % interval {self.low:.4g} to {self.high:.4g}"
        )
        end = "" if self.enough else f", not within {self.within:g} %"
        return (
            f"{self.cell}: the best {self.configurations} in {self.passes} further passes; "
            f"optimum {self.optimum}: {self.metric} {self.value:.4g} {self.unit}, {known}{end}"
        )


def again(
    sweeps: Sequence[Sweep],
    wanted: Wanted,
    begin: Callable[[str, int], None],
    done: Callable[[], None],
) -> list[Found]:
    """Measures the best of some cells that were swept, as often as it takes, or as was not yet.
    `begin` is told of each pass over a cell in words, with how many it measures, `done` is called
    after each measurement.
    """
    waiting = list(sweeps)
    for number in range(wanted.first, wanted.first + MOST):
        waiting = [one for one in waiting if _goes_on(one, number, wanted)]
        for one in waiting:
            said = f"the best again, pass {1 + number - wanted.first} of at most {MOST}"
            missing = _missing(one, number, wanted)
            begin(f"{said}: {one.cell.id}", len(missing))
            with evaluator_faults(one.cell):
                row = partial(row_of, one.evaluator, number)
                for measured in as_they_come(row, missing, wanted.workers):
                    one.journal.append(measured)
                    done()
    return [found for one in sweeps if (found := _found(one, wanted))]


class _Standing(NamedTuple):
    """How a cell stood before a pass: those that count, best first, and what is known of the
    first.
    """

    keys: Sequence[str]
    value: float
    interval: Interval | None

    def best(self, percent: float) -> Sequence[str]:
        return self.keys[: math.ceil(percent / 100 * len(self.keys))]

    def within(self, percent: float) -> bool:
        if self.interval is None:
            return False
        widest = max(self.interval.high - self.value, self.value - self.interval.low)
        return widest <= percent / 100 * abs(self.value)


def _goes_on(one: Sweep, number: int, wanted: Wanted) -> bool:
    """Whether a cell gets a further pass of that number."""
    standing = _standing(one, number)
    return standing is not None and not standing.within(wanted.within)


def _standing(one: Sweep, before: int) -> _Standing | None:
    """By the passes before a number; None where nothing counts."""
    import numpy as np  # here, and tables: a machine that only measures may lack what reads them

    from haqa_bench.store.entries import Entries
    from haqa_bench.store.tables import ResponseTable, in_columns
    from haqa_bench.tracks.replayed import counted

    rows = [row for row in one.rows if row["pass"] < before]
    entries = Entries(in_columns(rows), Source.REPLAYED)
    kept = counted(ResponseTable(one.target, {}, entries, ""), one.cell)
    if not len(kept.numbers):
        return None
    order = np.argsort(-kept.scores, kind="stable")
    keys = [entries.key(int(place)) for place in kept.places[order]]
    value = float(entries.metric(one.cell.objective.metric)[kept.places[order[0]]])
    own = [row for row in rows if row["configuration"] == keys[0]]
    return _Standing(keys, value, _interval(own, one.cell.objective.metric))


def _interval(rows: Sequence[JsonObject], metric: str) -> Interval | None:
    """Of a metric, by the passes over one configuration that nobody disturbed."""
    readings = [{r["name"]: r for r in row["readings"]} for row in rows]
    known = [of for of in readings if metric in of]
    quiet = [_quiet(of[metric]["samples"], of.get("others_share")) for of in known]
    passes = [samples for samples in quiet if samples]
    return interval_of_passes(passes, known[0][metric]["unit"]) if passes else None


def _quiet(samples: Sequence[float], others: JsonObject | None) -> Sequence[float]:
    """Those of which others took no share; all, where that is not known of each."""
    shares = others["samples"] if others else []
    if len(shares) != len(samples):
        return samples
    return [s for s, share in zip(samples, shares, strict=True) if share <= QUIET]


def _missing(one: Sweep, number: int, wanted: Wanted) -> list[Configuration]:
    """What a further pass has yet to measure, in a random order."""
    standing = _standing(one, number)
    best = set(standing.best(wanted.percent)) if standing else set()
    have = {row["configuration"] for row in one.rows if row["pass"] == number}
    missing = [c for c in one.cell.space.grid() if key_of(c) in best - have]
    random.Random(wanted.seed + number).shuffle(missing)
    return missing


def _found(one: Sweep, wanted: Wanted) -> Found | None:
    """What is known of a cell's optimum after all passes."""
    standing = _standing(one, wanted.first + MOST)
    if standing is None:
        return None
    further = [row for row in one.rows if row["pass"] >= wanted.first]
    goal, known = one.cell.objective, standing.interval
    return Found(
        cell=one.cell.id,
        percent=wanted.percent,
        within=wanted.within,
        passes=len({row["pass"] for row in further}),
        configurations=len({row["configuration"] for row in further}),
        optimum=standing.keys[0],
        metric=goal.metric,
        unit=goal.unit,
        value=standing.value,
        low=known.low if known else None,
        high=known.high if known else None,
        enough=standing.within(wanted.within),
    )
