"""Which methods of a run stand in the columns or rows of a published table's methods."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import NamedTuple

from haqa_bench.report.found.best import Best
from haqa_bench.report.published.document import PublishedTable


class Standing(NamedTuple):
    """Rows of one cell by the labels of the published methods, each of one method of ours. `extra`
    names it where another stands for the same label too.
    """

    cell: str
    rows: Mapping[str, Best]
    extra: str = ""


def standing(table: PublishedTable, found: Sequence[Best]) -> Iterator[Standing]:
    """For each cell all that stands for a label; then, where a label has two methods of ours, such
    as two Bayesian optimisers, the second alone.
    """
    for cell, rows in groupby(found, lambda row: row.cell):
        of_cell = list(rows)
        by_label = {
            label: [row for name in ours if (row := _named(of_cell, name))]
            for label, ours in table.methods.items()
        }
        first, *others = zip_longest(*by_label.values())
        told = {label: row for label, row in zip(by_label, first, strict=True) if row}
        if told:
            yield Standing(cell, told)
        for line in others:
            for label, row in zip(by_label, line, strict=True):
                if row:
                    yield Standing(cell, {label: row}, row.method)


def _named(found: Sequence[Best], optimizer: str) -> Best | None:
    """The method that is called as its optimizer is, or else the first of it."""
    rows = [row for row in found if row.optimizer == optimizer]
    return next((row for row in rows if row.method == optimizer), next(iter(rows), None))
