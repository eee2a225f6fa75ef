"""Which methods of a run stand in the columns or rows of a published table's methods."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from haqa_bench.report.found.best import Best
from haqa_bench.report.published.document import PublishedTable

DEFAULT = "default"
"""The method of ours that proposes nothing."""


class Standing(NamedTuple):
    """Rows of one cell by the labels of the published methods, each of one method of ours. `extra`
    names it where another stands for the same label too.
    """

    cell: str
    rows: Mapping[str, Best]
    extra: str = ""


def standing(table: PublishedTable, found: Sequence[Best]) -> Iterator[Standing]:
    """For each cell all that stands for a label, and the default, which everything of ours is held
    against; then, where a label has two methods of ours, such as two Bayesian optimisers, the
    second alone.
    """
    for cell, rows in groupby(found, lambda row: row.cell):
        by_label = _by_label(table, list(rows))
        firsts = {label: of_label[0] for label, of_label in by_label.items() if of_label}
        if firsts:
            yield Standing(cell, firsts)
        for label, of_label in by_label.items():
            for row in of_label[1:]:
                yield Standing(cell, {label: row}, row.method)


def _by_label(table: PublishedTable, found: Sequence[Best]) -> dict[str, list[Best]]:
    """What stands for each label, in its order; the default where no label is that."""
    untuned = (
        {} if any(DEFAULT in ours for ours in table.methods.values()) else {DEFAULT: (DEFAULT,)}
    )
    return {
        label: [row for name in ours if (row := _named(found, name))]
        for label, ours in (untuned | table.methods).items()
    }


def _named(found: Sequence[Best], optimizer: str) -> Best | None:
    """The method that is called as its optimizer is, or else the first of it."""
    rows = [row for row in found if row.optimizer == optimizer]
    return next((row for row in rows if row.method == optimizer), next(iter(rows), None))
