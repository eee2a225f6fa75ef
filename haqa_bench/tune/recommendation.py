"""What a tuning recommends: the winner where pairs of processes confirm it, else llama.cpp's
default, and how to start either.
"""

import json
from collections.abc import Sequence
from math import inf, isfinite
from typing import NamedTuple

from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report.found.best import best
from haqa_bench.report.found.pairs import pairs
from haqa_bench.space import Configuration, key_of
from haqa_bench.tune.default import unmeasured


class Zeros(NamedTuple):
    """In how many pairs the default alone gave 0, what was found alone, and both, which tells
    nothing and is in no other count.
    """

    default: int = 0
    found: int = 0
    both: int = 0


class Recommendation(NamedTuple):
    """The settings to use, in full; the gain over llama.cpp's default that tuning saw, and that
    pairs of processes measured: None where the default gave 0, of which nothing is a multiple.
    """

    configuration: Configuration
    kept_default: bool
    default_is_best: bool
    """Whether nothing else was found that could have been held against it."""
    metric: str
    unit: str
    default: float
    found: float
    gain: float | None
    confirmed_gain: float | None
    interval: tuple[float | None, float | None] | None
    """Of 95 %; an end is None where only one side of so many pairs gave 0."""
    pairs: int
    failed: Sequence[str]
    """Why what was found could not be measured, in each more pair of which that is so."""
    zeros: Zeros
    noise_floor: float | None


class Default(NamedTuple):
    """What became of the default configuration."""

    status: str
    reason: str


def of_run(run: Run, cell: Cell) -> Recommendation:
    """The recommendation of a run of one study.

    Raises:
        HaqaError: the default itself could not be measured, so that
        nothing can be compared with it.
    """
    row, again = best(run)[0], pairs(run)
    if row.default_value is None:
        (default,) = run.rows("default", Default)
        raise unmeasured(default.status, default.reason)
    tuned = json.loads(row.winners[0]) if row.winners else dict(cell.space.default)
    usual, key = dict(cell.space.default), (cell.id, key_of(tuned))
    verdict, ratios = again.verdicts.get(key), again.ratios.get(key, ())
    kept = verdict is None or not verdict.better
    interval = verdict.interval if verdict else None
    return Recommendation(
        configuration=usual if kept else tuned,
        kept_default=kept,
        default_is_best=tuned == usual,
        metric=row.metric,
        unit=row.unit,
        default=row.default_value,
        found=row.default_value if row.best is None else row.best,
        gain=row.speed_up,
        confirmed_gain=verdict.ratio if verdict and isfinite(verdict.ratio) else None,
        interval=_ends(interval) if interval else None,
        pairs=verdict.pairs if verdict else 0,
        failed=again.failed.get(key, ()),
        zeros=Zeros(ratios.count(inf), ratios.count(0.0), again.silent.get(key, 0)),
        noise_floor=again.floors.get(cell.id),
    )


def _ends(interval: Interval) -> tuple[float | None, float | None]:
    low, high = (end if isfinite(end) else None for end in interval)
    return low, high
