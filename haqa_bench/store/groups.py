"""Numbers in groups, as of many configurations, each with samples of its own: their medians and
quartiles at once, to the last bit as `statistics` computes each.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


class Groups(NamedTuple):
    """Numbers one group after the other. `owners` are whose each group is, ascending; `counts` how
    many numbers each has.
    """

    owners: Places
    counts: Places
    numbers: Floats

    @classmethod
    def of(cls, owners: Places, starts: Places, counts: Places, numbers: Floats) -> "Groups":
        """Stretches of `numbers`, from `starts` on as many as `counts`, each of an owner, of whom
        several may be one's; in the order in which they come.
        """
        order = np.argsort(owners, kind="stable")
        owners, starts, counts = owners[order], starts[order], counts[order]
        ends = np.cumsum(counts)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
        known, first = np.unique(owners, return_index=True)
        merged = np.add.reduceat(counts, first) if len(known) else counts
        return cls(known[merged > 0], merged[merged > 0], numbers[at])

    def within(self, others: "Groups", most: float) -> "Groups":
        """Those numbers whose `others` are at most so much; all of a group of which none is, or
        which has not as many others.
        """
        place = np.searchsorted(others.owners, self.owners)
        place = np.minimum(place, max(len(others.owners) - 1, 0))
        paired = (others.owners[place] == self.owners) & (others.counts[place] == self.counts)
        known = np.zeros(len(others.owners), bool)
        known[place[paired]] = True
        kept = np.ones(len(self.numbers), bool)
        quiet = others.numbers[np.repeat(known, others.counts)] <= most
        kept[np.repeat(paired, self.counts)] = quiet
        left = np.add.reduceat(kept, self._starts, dtype=np.intp)
        kept |= np.repeat(left == 0, self.counts)
        return Groups(self.owners, np.where(left, left, self.counts), self.numbers[kept])

    @property
    def _starts(self) -> Places:
        return np.cumsum(self.counts) - self.counts

    def ordered(self) -> "Groups":
        """Each group's numbers by size; equal ones as they come."""
        if (self.counts == 1).all():
            return self
        order = np.lexsort((self.numbers, np.repeat(np.arange(len(self.owners)), self.counts)))
        return self._replace(numbers=self.numbers[order])

    def nth(self, places: Places) -> Floats:
        """One number of each group, by its place in it."""
        found: Floats = self.numbers[self._starts + places]
        return found


def medians(groups: Groups) -> Floats:
    """As statistics.median."""
    ordered = groups.ordered()
    high, even = ordered.counts // 2, ordered.counts % 2 == 0
    upper = ordered.nth(high)
    lower = ordered.nth(np.where(even, high - 1, high))
    with np.errstate(over="ignore"):  # of those that are not taken
        return np.where(even, (lower + upper) / 2, upper)


def quartiles(groups: Groups, which: int) -> Floats:
    """The first or third quartile as statistics.quantiles(method="inclusive"); the number itself
    where there is one alone.
    """
    ordered = groups.ordered()
    place, share = np.divmod(which * (ordered.counts - 1), 4)
    low, high = ordered.nth(place), ordered.nth(np.minimum(place + 1, ordered.counts - 1))
    with np.errstate(over="ignore"):
        return np.where(ordered.counts == 1, low, (low * (4 - share) + high * share) / 4)
