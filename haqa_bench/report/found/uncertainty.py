"""How sure a response table is of its optimum: each configuration's samples are drawn anew, with
replacement, and estimated as the table is.

Samples of one pass have more in common than those of two, which resampling does not know: what it
says is the least uncertainty that there is.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.arithmetic.estimate import SPEEDS, Interval, quick, undisturbed
from haqa_bench.project import Project, Run
from haqa_bench.report.found.swept import Swept, swept
from haqa_bench.store.entries import Entry

RESAMPLES = 1_000
MOST = 10_000
"""Configurations beyond which no table is drawn anew: it would take gigabytes."""


class Uncertainty(NamedTuple):
    """A table, resampled: what of it would have come out otherwise. What counts is kept: that a
    configuration is within the constraints is not drawn anew.
    """

    optimum: str
    """The key of the table's best configuration."""
    scores: Mapping[str, NDArray[np.float64]]
    """Of each configuration that counts, by key, one of each resample; larger is better."""
    best: NDArray[np.float64]
    """The largest score of each resample."""

    @property
    def another_best(self) -> float:
        """The chance that another configuration than the table's best is the best."""
        return 1 - self.chance_best(self.optimum)

    def chance_best(self, key: str) -> float:
        """The chance that a configuration is the best, or as good."""
        return float(np.mean(self.scores[key] == self.best)) if key in self.scores else 0.0

    def regret(self, key: str) -> Interval | None:
        """The 95 % interval of how far a configuration is from the best, as a share of it; None for
        one that does not count, and where the best may be 0.
        """
        if key not in self.scores or np.min(self.best) <= 0 <= np.max(self.best):
            return None
        regrets = (self.best - self.scores[key]) / np.abs(self.best)
        low, high = np.quantile(regrets, [0.025, 0.975])
        return Interval(float(low), float(high))


@lru_cache(maxsize=64)
def uncertainty(run: Run, project: Project, cell_id: str) -> Uncertainty | None:
    """The uncertainty of a run's cell, by the first goal; None without a table, and where most
    configurations have one sample, which says nothing of its own noise.

    Raises:
        HaqaError: the table is damaged, or another cell's.
    """
    found = swept(run, project, cell_id)
    return None if found is None else resampled(found)


def resampled(found: Swept) -> Uncertainty | None:
    """A table drawn anew 1,000 times, from seed 0; None for one of more than MOST."""
    goal = found.cell.objective
    sign = -1.0 if goal.direction == "minimize" else 1.0
    places = found.counted.places.tolist()
    if len(places) > MOST:
        return None
    entries = found.table.entries
    kept = {entries.key(at): _samples(entries.at(at), goal.metric) for at in places}
    if 2 * sum(len(samples) > 1 for samples in kept.values()) < len(kept):
        return None
    scores = {key: sign * values for key, values in redrawn(kept, goal.unit).items()}
    return Uncertainty(found.optimum, scores, np.max(list(scores.values()), axis=0))


def redrawn(kept: Mapping[str, Sequence[float]], unit: str) -> dict[str, NDArray[np.float64]]:
    """Resampled values of each; those with as many samples at once."""
    lengths: dict[int, list[str]] = defaultdict(list)
    for key, samples in kept.items():
        lengths[len(samples)].append(key)
    rng = np.random.default_rng(0)
    found: dict[str, NDArray[np.float64]] = {}
    for length, keys in sorted(lengths.items()):
        taken = np.sort(np.array([kept[key] for key in keys]), axis=1)
        drawn = np.sort(rng.integers(0, length, (len(keys), RESAMPLES, length), np.uint16), axis=2)
        found.update(zip(keys, _estimates(taken, drawn, unit), strict=True))
    return found


def _estimates(
    samples: NDArray[np.float64], drawn: NDArray[np.uint16], unit: str
) -> NDArray[np.float64]:
    """The quick quartile of speeds, the median of anything else, as arithmetic.estimate has them;
    `samples` of each are sorted, and `drawn` are places in them, sorted too.
    """
    share = quick(unit) if unit in SPEEDS else 0.5
    below, part = divmod(share * (samples.shape[1] - 1), 1)
    above = min(int(below) + 1, samples.shape[1] - 1)
    low = np.take_along_axis(samples, drawn[:, :, int(below)].astype(np.intp), 1)
    high = np.take_along_axis(samples, drawn[:, :, above].astype(np.intp), 1)
    found: NDArray[np.float64] = low + part * (high - low)
    return found


def _samples(entry: Entry, metric: str) -> list[float]:
    """The samples that a metric's value was estimated from."""
    samples = {m.name: m.samples for m in entry.measurements}
    return undisturbed(samples[metric], samples.get("others_share", ()))
