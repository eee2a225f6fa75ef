"""The statistics of a comparison, by scipy and statsmodels; here is only which, and when none.

Few studies say little: below six pairs no test is made (a two-sided Wilcoxon test of five pairs
cannot fall below 0.06). The bootstrap interval of a median of three covers it three times of four,
not nineteen of twenty, and reaches 93 % at six; so below six values there is none, and no
interquartile mean, which would be the plain one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from haqa_bench.arithmetic.estimate import Interval

Key = TypeVar("Key")
FEWEST_PAIRS = 6
FEWEST_VALUES = 6
FEWEST_BLOCKS = 3
"""Cells, and methods, below which no Friedman test is made."""
RESAMPLES = 10_000


def median_interval(values: Sequence[float], seed: int = 0) -> Interval | None:
    """The 95 % percentile bootstrap interval of the median (10,000 resamples); None below six
    values.
    """
    if len(values) < FEWEST_VALUES:
        return None
    drawn = medians(values, len(values), seed)
    return Interval(quantile(drawn, 0.025), quantile(drawn, 0.975))


def quantile(values: NDArray[np.float64], share: float) -> float:
    """A quantile, linear between neighbours; where a value is infinite, the outer neighbour."""
    outer: Literal["lower", "higher"] = "lower" if share < 0.5 else "higher"
    finite = bool(np.isfinite(values).all())
    return float(np.quantile(values, share, method="linear" if finite else outer))


def medians(values: Sequence[float], drawn: int, seed: int = 0) -> NDArray[np.float64]:
    """The medians of bootstrap resamples, of `drawn` values each."""
    rng = np.random.default_rng(seed)
    taken = rng.choice(np.asarray(values, dtype=float), (RESAMPLES, drawn))
    found: NDArray[np.float64] = np.median(taken, axis=1)
    return found


def regret(value: float | None, optimum: float | None) -> float | None:
    """How far a value is from the optimum, as a share of it; None where either is unknown, or the
    optimum is not above 0: a share of it would say nothing.
    """
    if value is None or optimum is None or optimum <= 0:
        return None
    return abs(optimum - value) / optimum


def gain(value: float, default: float, direction: str | None) -> float:
    """How much better than the default, in the value's unit; above 0 is better."""
    return default - value if direction == "minimize" else value - default


def times_better(value: float, default: float, direction: str | None) -> float | None:
    """How many times as good as the default; above 1 is better. None unless both are above 0."""
    return ratio(default, value) if direction == "minimize" else ratio(value, default)


def ratio(value: float, other: float) -> float | None:
    """One over another; None unless both are above 0."""
    return value / other if value > 0 and other > 0 else None


def of_pair(value: float, other: float) -> float | None:
    """One of a pair over the other, both at least 0: infinite over 0; None where both are 0, which
    tells nothing.
    """
    if other:
        return value / other
    return math.inf if value else None


def share_of_way(value: float | None, default: float | None, optimum: float | None) -> float | None:
    """How far a value has come from the default to the optimum: 0 at the one, 1 at the other; None
    where one is unknown, or the default is the optimum.
    """
    if value is None or default is None or optimum is None or optimum == default:
        return None
    return (value - default) / (optimum - default)


def interquartile_mean(values: Sequence[float]) -> float | None:
    """The mean of the middle half; None below six values."""
    from scipy import stats

    if len(values) < FEWEST_VALUES:
        return None

    return float(stats.trim_mean(values, 0.25))


def probability_of_improvement(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The chance that a value of `ours` is larger than one of `theirs`; equal ones count half."""
    differences = np.subtract.outer(np.asarray(ours), np.asarray(theirs))
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def holm(pairs: Mapping[Key, Sequence[tuple[float, float]]]) -> dict[Key, float | None]:
    """The p value of a Wilcoxon signed-rank test of each list of pairs, Holm-corrected over them
    all; None below six pairs.

    Pairs that are all equal differ in nothing: p = 1.
    """
    from scipy import stats
    from statsmodels.stats.multitest import multipletests

    raw = {
        name: 1.0
        if all(a == b for a, b in both)
        else float(stats.wilcoxon(*zip(*both, strict=True)).pvalue)
        for name, both in pairs.items()
        if len(both) >= FEWEST_PAIRS
    }
    corrected = multipletests(list(raw.values()), method="holm")[1] if raw else []
    found = dict(zip(raw, map(float, corrected), strict=True))
    return {name: found.get(name) for name in pairs}


class Ranking(NamedTuple):
    """Average ranks (1 is best) over `blocks`, and Friedman's p that all methods are alike (None:
    fewer than three methods or blocks).
    """

    ranks: Mapping[str, float]
    blocks: int
    p: float | None


def ranking(blocks: Sequence[Mapping[str, float | None]], methods: Sequence[str]) -> Ranking:
    """Ranks methods within each block, larger values first, ties averaged. None, a failure, ranks
    last.
    """
    from scipy import stats

    values = np.array(
        [[-np.inf if block[m] is None else block[m] for m in methods] for block in blocks],
        dtype=float,
    )
    ranks = np.array([stats.rankdata(-row) for row in values]).reshape(len(blocks), len(methods))
    enough = min(len(methods), len(blocks)) >= FEWEST_BLOCKS
    p = (
        float(stats.friedmanchisquare(*ranks.T).pvalue)
        if enough and (ranks != ranks[:, :1]).any()
        else None
    )
    means = ranks.mean(axis=0) if len(blocks) else np.full(len(methods), np.nan)
    return Ranking(dict(zip(methods, map(float, means), strict=True)), len(blocks), p)
