"""What random search finds in a table that is known, exactly: no draw is made.

`random` draws uniformly among the configurations that it has not tried, the default being trial 0.
So the best of k new draws is the best of k cards dealt from a deck: the chance that none of c good
cards is among k of N is C(N - c, k) / C(N, k), the hypergeometric distribution's. A configuration
that fails, or breaks a constraint, is a card that finds nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-12
"""Chances that differ by less are equal."""


class ExactRandom(NamedTuple):
    """The distribution of the best of the default and `draws` random draws.

    `values` are all that it may be, each once, the best first, in the table's unit; `chances`, that
    it is at least as good as each.
    """

    draws: int
    values: tuple[float, ...]
    chances: tuple[float, ...]
    direction: Literal["maximize", "minimize"]

    @property
    def median(self) -> float | None:
        """Half of all studies find at least as much; None where half find nothing."""
        return self.quantile(0.5)

    @property
    def unlucky(self) -> float | None:
        """The 5th percentile, the worst end; None where so many find nothing."""
        return self.quantile(0.05)

    @property
    def lucky(self) -> float | None:
        """The 95th percentile, the best end."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float | None:
        """The worst value than which at most 1 - `share` of all studies find better; None where it
        is that nothing was found.
        """
        place = bisect_right(self.chances, 1 - share + _ROUNDING)
        return self.values[place] if place < len(self.values) else None

    def chance(self, value: float) -> float:
        """That a study finds at least as good a value as `value`."""
        sign = -1 if self.direction == "maximize" else 1
        as_good = bisect_right(self.values, sign * value, key=lambda known: sign * known)
        return self.chances[as_good - 1] if as_good else 0.0


def exact_random(
    values: Sequence[float] | NDArray[np.float64],
    others: int,
    default: float | None,
    draws: int,
    direction: Literal["maximize", "minimize"],
) -> ExactRandom:
    """The best of the default and of `draws` draws from `others` further configurations.

    `values` are those of the others that can be found: measured, and within the constraints.
    `default` is None where the default itself does not count.
    """
    drawn = min(draws, others)
    sign = -1.0 if direction == "maximize" else 1.0
    worst = np.inf if default is None else sign * default
    costs, counts = np.unique(sign * np.asarray(values, dtype=float), return_counts=True)
    better = costs < worst
    chances = 1 - _none_of(np.cumsum(counts[better]), others, drawn)
    known = [float(sign * cost) for cost in costs[better]]
    if default is None:
        return ExactRandom(drawn, tuple(known), tuple(map(float, chances)), direction)
    every = (*map(float, chances), 1.0)
    return ExactRandom(drawn, (*known, float(default)), every, direction)


def _none_of(good: NDArray[np.int64], cards: int, drawn: int) -> NDArray[np.float64]:
    """The chance that none of so many good cards is among those drawn: for each draw, the share of
    the cards left that are not good, multiplied.
    """
    left = cards - np.arange(drawn)
    found: NDArray[np.float64] = np.prod(np.clip(left - good[:, None], 0, None) / left, axis=1)
    return found
