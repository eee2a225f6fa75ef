"""Which methods of a run stand in the columns or rows of a published table's methods."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from haqa_bench.report.found.best import Best
from haqa_bench.report.published.document import PublishedTable

DEFAULT = "default"
"""The method of ours that proposes nothing."""


class Standing(NamedTuple):
    """Rows of one cell by the labels of the published methods, each of one method of ours. `place`
    is 0 of those that stand for them first, 1 of the next.
    """

    cell: str
    rows: Mapping[str, Best]
    place: int = 0

    @property
    def extra(self) -> str:
        """The names of methods that stand for labels that others stand for too; else empty."""
        return ", ".join(row.method for row in self.rows.values()) if self.place else ""

    @property
    def methods(self) -> Mapping[str, str]:
        """Which method of ours stands for each label."""
        return {label: row.method for label, row in self.rows.items()}


def standing(table: PublishedTable, found: Sequence[Best]) -> Iterator[Standing]:
    """For each cell all that stands for a label, and the default, which everything of ours is held
    against; then what stands for a label too, such as a second Bayesian optimiser.
    """
    for cell, rows in groupby(found, lambda row: row.cell):
        by_label = _by_label(table, list(rows))
        for place in range(max(map(len, by_label.values()), default=0)):
            here = {name: of[place] for name, of in by_label.items() if place < len(of)}
            yield Standing(cell, here, place)


def _by_label(table: PublishedTable, found: Sequence[Best]) -> dict[str, list[Best]]:
    """What stands for each label, in its order; the default where no label is that."""
    untuned = (
        {} if any(DEFAULT in ours for ours in table.methods.values()) else {DEFAULT: (DEFAULT,)}
    )
    left = list(found)
    return {label: list(_taken(left, names)) for label, names in (untuned | table.methods).items()}


def _taken(left: list[Best], names: Sequence[str]) -> Iterator[Best]:
    """Takes what is called by each name, or else the first whose optimizer is, out of what is
    left.
    """
    for name in names:
        called = [row for row in left if row.method == name]
        if rows := called or [row for row in left if row.optimizer == name]:
            left.remove(rows[0])
            yield rows[0]
