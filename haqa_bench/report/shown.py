"""Which tables, columns and digits a reader asked for."""

import re
from collections.abc import Mapping, Sequence

from haqa_bench.report.table import Table

COMPARED = ("comparison", "fronts", "spent")
"""Tables that compare methods; they are shown when asked for."""
DECIMAL = re.compile(r"\d+\.\d+")


def chosen(
    made: Mapping[str, Table], wanted: Sequence[str], published: bool, digits: int | None
) -> dict[str, Table]:
    """The tables that are `wanted` (all where none is named), with or without the paper's numbers,
    to at most so many digits.
    """
    names = {_name(word) for word in wanted}
    kept = {name: table for name, table in made.items() if not names or name in names}
    if not published:
        kept = {name: _without_published(table) for name, table in kept.items()}
    return (
        kept if digits is None else {name: _rounded(table, digits) for name, table in kept.items()}
    )


def is_compared(word: str) -> bool:
    """Whether a word names a table that compares methods."""
    return _name(word) in COMPARED


def _name(word: str) -> str:
    """2, T2 and table2 are table2; F5 is figure5."""
    found = re.fullmatch(r"([tf]?)(\d)", word.lower())
    return f"{'figure' if found[1] == 'f' else 'table'}{found[2]}" if found else word


def _without_published(table: Table) -> Table:
    kept = [i for i, heading in enumerate(table.headings) if not heading.startswith("Published")]
    return table._replace(
        headings=[table.headings[i] for i in kept],
        cells=[[row[i] for i in kept] for row in table.cells],
        notes=[note for note in table.notes if not note.startswith("Published")],
        bold={(row, kept.index(column)) for row, column in table.bold if column in kept},
    )


def _rounded(table: Table, digits: int) -> Table:
    def shorter(found: re.Match[str]) -> str:
        return (
            found[0]
            if len(found[0].partition(".")[2]) <= digits
            else f"{float(found[0]):.{digits}f}"
        )

    words = {
        i
        for i, heading in enumerate(table.headings)
        if heading in ("Model", "Method", "Hardware", "Cell")
    }
    cells = [
        [text if i in words else DECIMAL.sub(shorter, text) for i, text in enumerate(row)]
        for row in table.cells
    ]
    return table._replace(cells=cells)
