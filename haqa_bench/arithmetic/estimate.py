"""One number from noisy samples.

Noise on a shared machine only ever takes time away: other processes, and threads that spin while
their core is taken. So samples of which others took a share of the machine are left out, as long as
any is left, and of the rest the quick quartile counts: it is closer to what a configuration can do,
and moves less from run to run, than the median or the mean. Evidence: docs/measurement.md.
"""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import NamedTuple

QUIET = 0.05
"""The largest share of the machine that others may take of an undisturbed sample: a tenth of one
core of two.
"""
RATES = ("tokens/s", "1/s")
SPEEDS = (*RATES, "ms", "s", "us")
FEWEST = 4
"""Samples below which no interval is given."""
RESAMPLES = 2000


class Estimate(NamedTuple):
    """A value in the samples' unit, and how many of them it was estimated from."""

    value: float
    used: int


def estimate(samples: Sequence[float], unit: str, others: Sequence[float] = ()) -> Estimate:
    """The quick quartile of undisturbed times (`ms`, `s`, `us`) and rates (`tokens/s`, `1/s`);
    the median of anything else.

    `others` holds the share of the machine that others took, sample by sample; where there is not
    one for each sample, all count.
    """
    if unit not in SPEEDS:
        return Estimate(median(samples), len(samples))
    kept = undisturbed(samples, others)
    if len(kept) == 1:
        return Estimate(kept[0], 1)
    low, _, high = quantiles(kept, n=4, method="inclusive")
    return Estimate(high if unit in RATES else low, len(kept))


def quick(unit: str) -> float:
    """Which quantile of speeds is the quick quartile: the upper one of rates."""
    return 0.75 if unit in RATES else 0.25


class Interval(NamedTuple):
    """A 95 % interval, in the unit of the values."""

    low: float
    high: float

    def widened(self, floor: float) -> "Interval":
        """With the noise that one session cannot see: to both sides by the machine's noise floor, a
        share of the value.
        """
        return Interval(self.low / (1 + floor), self.high * (1 + floor))


def interval(samples: Sequence[float], unit: str, others: Sequence[float] = ()) -> Interval | None:
    """The 95 % percentile bootstrap interval of what `estimate` gives; None for fewer than four
    samples, or for anything but speeds.
    """
    import numpy as np  # here, so that reading a run's database stays light

    kept = undisturbed(samples, others)
    if unit not in SPEEDS or len(kept) < FEWEST:
        return None
    drawn = np.random.default_rng(0).choice(np.asarray(kept), (RESAMPLES, len(kept)))
    low, high = np.quantile(np.quantile(drawn, quick(unit), axis=1), [0.025, 0.975])
    return Interval(float(low), float(high))


def interval_of_passes(passes: Sequence[Sequence[float]], unit: str) -> Interval | None:
    """As `interval`, of undisturbed samples that were taken in passes, each some at a time: whole
    passes are drawn, since samples of one have more in common than those of two. None for fewer
    than four passes.
    """
    import numpy as np  # as above

    if unit not in SPEEDS or len(passes) < FEWEST:
        return None
    held, rng = [np.asarray(samples) for samples in passes], np.random.default_rng(0)
    drawn = [
        np.quantile(np.concatenate([held[at] for at in places]), quick(unit))
        for places in rng.integers(0, len(held), (RESAMPLES, len(held)))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(low), float(high))


def undisturbed(samples: Sequence[float], others: Sequence[float]) -> list[float]:
    """The samples of which others took no share worth the name; all, where there are none such or
    nothing is known.
    """
    kept = (
        [s for s, share in zip(samples, others, strict=True) if share <= QUIET]
        if len(others) == len(samples)
        else []
    )
    return kept or list(samples)
