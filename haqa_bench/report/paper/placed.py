"""Where rows of ours stand in a published table: below the row that they are of, below those of the
same label, or at its end; and which published rows have none of ours.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report.paper.line import NAMED, Line
from haqa_bench.report.published.beside import place_of, same
from haqa_bench.report.published.document import UNKNOWN, PublishedTable, Row

Labels = tuple[str, ...]


class Lacking(NamedTuple):
    """Stands below published rows of which no cell of ours is: the labels of the first of them."""

    key: Sequence[str]


Placed = Row | Line | Lacking


def placed(table: PublishedTable, lines: Sequence[Line]) -> Iterator[Placed]:
    """The published rows, and ours among them; `lines` in the order that they shall have."""
    left = list(lines)
    for label, of_label in groupby(table.rows, lambda row: row.key[0]):
        for own, rows in groupby(of_label, lambda row: labels_of(table, row)):
            rows_of = list(rows)
            yield from rows_of
            if own:
                found = [line for line in left if named(line.cell) == own]
                yield from found
                if not found:
                    yield Lacking(rows_of[0].key)
                left = [line for line in left if line not in found]
        alike = [line for line in left if _is_alike(table, label, line)]
        yield from alike
        left = [line for line in left if line not in alike]
    yield from left


def labels_of(table: PublishedTable, row: Row) -> Labels:
    """The model and the bit-width that a row is of, whatever the case of their letters; empty where
    it does not say both.
    """
    found = tuple(label for key, label in zip(table.keys, row.key, strict=True) if key in NAMED)
    return _folded(found) if len(found) == len(NAMED) and UNKNOWN not in found else ()


def order_of(table: PublishedTable, line: Line) -> int:
    """Where a line stands among others of its letter: as the published rows do."""
    place = place_of(line.cell)
    same_rows = (number for number, row in enumerate(table.rows) if same(table, row, place))
    return next(same_rows, len(table.rows))


def is_below_its_own(table: PublishedTable, line: Line) -> bool:
    """Whether a published row is of the same model and bit-width."""
    return any(labels_of(table, row) == named(line.cell) for row in table.rows)


def named(cell: Cell) -> Labels:
    """The model and the bit-width of a cell of ours, whatever the case of their letters."""
    return _folded((cell.model_name, cell.bit_width))


def _folded(labels: Labels) -> Labels:
    return tuple(label.casefold() for label in labels)


def _is_alike(table: PublishedTable, label: str, line: Line) -> bool:
    rows = (row for row in table.rows if row.key[0] == label)
    called = any(line.key[0] in ours.values() for row in rows for ours in row.every)
    return called or line.key[0].casefold() == label.casefold()
