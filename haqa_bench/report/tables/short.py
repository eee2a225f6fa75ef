"""The short form of a table, which fits a screen, a phone and a paper's page.

What all rows share stands in the title, what some share in a heading above them, and what few
readers ask for only in the wide form.
"""

from collections.abc import Sequence
from itertools import groupby

from haqa_bench.hardware import UNSTATED
from haqa_bench.report.tables.table import Section, Table

GAP = 2
"""Blanks between two columns of a terminal."""
FEWEST = 2
"""Columns that are never left out for want of room: a row's name and its first number."""

NOTHING = ("", "unknown")
UNTOLD = ("", UNSTATED)
"""What a heading leaves out: nobody said on what imported numbers were measured."""


def short(table: Table, width: int | None = None) -> Table:
    """The table without what only its wide form has, and no wider than `width` characters, where
    that is given: columns are left out from the right, and named below.
    """
    shown = [i for i, c in enumerate(table.columns) if c.place == "row" and not _empty(table, i)]
    heads = [i for i, column in enumerate(table.columns) if column.place == "heading"]
    shared = [i for i in heads if len({row[i].text for row in table.rows}) == 1]
    parting = [i for i in heads if i not in shared]
    sections = _sections(table, parting)
    if len(table.rows) < 2 * len(sections):
        shown, sections = [*parting, *shown], []
    kept = shown if width is None else _fitting(table, shown, width)
    left_out = [table.columns[i].name for i in shown if i not in kept]
    notes = [
        *table.notes,
        *([f"Not shown, for want of room: {', '.join(left_out)}."] * bool(left_out)),
    ]
    title = ": ".join(filter(None, [table.title, _told(table, 0, shared) if table.rows else ""]))
    doubts = table.doubts if any(table.columns[i].role == "published" for i in kept) else ()
    made = table.only(kept)._replace(title=title, sections=sections, notes=notes)
    return made._replace(details=(), doubts=doubts)


def _empty(table: Table, column: int) -> bool:
    """Whether a column holds nothing, or nothing that is known, in any row."""
    return bool(table.rows) and all(row[column].text in NOTHING for row in table.rows)


def _sections(table: Table, parting: Sequence[int]) -> list[Section]:
    """Rows that follow each other and share what parts them from the others."""
    if not parting:
        return []
    told = groupby(range(len(table.rows)), lambda row: _told(table, row, parting))
    return [Section(heading, list(rows)) for heading, rows in told]


def _told(table: Table, row: int, columns: Sequence[int]) -> str:
    texts = (table.rows[row][i].text for i in columns)
    return ", ".join(text for text in texts if text not in UNTOLD)


def _fitting(table: Table, shown: Sequence[int], width: int) -> list[int]:
    """As many of the columns, from the left, as fit."""
    kept = list(shown)
    while len(kept) > FEWEST and sum(widths(table, kept)) + GAP * (len(kept) - 1) > width:
        kept.pop()
    return kept


def widths(table: Table, columns: Sequence[int]) -> list[int]:
    """How many characters each column takes, the mark of the best included."""
    return [max([len(table.columns[i].name), *_lengths(table, i)]) for i in columns]


def _lengths(table: Table, column: int) -> list[int]:
    return [len(marked(table, row, column)) for row in range(len(table.rows))]


def marked(table: Table, row: int, column: int) -> str:
    """What stands in a place, with a star behind the best of each group."""
    return table.rows[row][column].text + "*" * ((row, column) in table.bold)
