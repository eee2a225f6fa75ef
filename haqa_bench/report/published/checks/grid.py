"""A table as numbers by labels: a label for each of its keys, and one of its columns."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.report.published.document import PublishedTable


class Grid(NamedTuple):
    """`axes` are the keys and what the columns are; `cells` the numbers by a label of each.
    Averages and ratios are none of them: they say nothing new.
    """

    axes: Sequence[str]
    cells: Mapping[tuple[str, ...], float]

    def labels(self, axis: str) -> list[str]:
        """The labels of an axis, in the table's order."""
        return list(dict.fromkeys(labels[self.axes.index(axis)] for labels in self.cells))

    def along(self, *axes: str) -> list[tuple[str, ...]]:
        """Every combination of labels of these axes that has a number."""
        places = [self.axes.index(axis) for axis in axes]
        return list(dict.fromkeys(tuple(labels[p] for p in places) for labels in self.cells))

    def at(self, labels: Mapping[str, str]) -> float | None:
        """The number at a label for each axis; None where there is none."""
        return self.cells.get(tuple(labels[axis] for axis in self.axes))


def grid(table: PublishedTable) -> Grid:
    """The numbers of a table."""
    kinds = {column.name: column.kind for column in table.columns}
    cells = {
        (*place.key, place.column): entry.number
        for place, entry in table.entries.items()
        if entry.number is not None and kinds[place.column] in ("part", "baseline")
    }
    return Grid(table.axes, cells)
