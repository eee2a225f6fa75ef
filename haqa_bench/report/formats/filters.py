"""Which tables, columns and digits a reader asked for."""

import re
from collections.abc import Mapping, Sequence

from haqa_bench.report.tables.table import Table

COMPARED = ("comparison", "fronts", "spent")
"""Tables that compare methods; they are shown when asked for."""
PAPER = {"t": "table", "f": "figure", "": "table"}


def chosen(
    made: Mapping[str, Table], wanted: Sequence[str], published: bool, digits: int | None
) -> dict[str, Table]:
    """The tables that are `wanted` (all where none is named), with or without the paper's numbers,
    to at most so many digits.
    """
    names = {full_name(word) for word in wanted}
    kept = {name: table for name, table in made.items() if not names or name in names}
    if not published:
        kept = {name: _without_published(table) for name, table in kept.items()}
    if digits is None:
        return kept
    return {name: _rounded(table, digits) for name, table in kept.items()}


def is_compared(word: str) -> bool:
    """Whether a word names a table that compares methods."""
    return full_name(word) in COMPARED


def full_name(word: str) -> str:
    """2, T2 and table2 are table2; F5 is figure5."""
    found = re.fullmatch(r"([tf]?)(\d+)", word.lower())
    return f"{PAPER[found[1]]}{found[2]}" if found else word


def _without_published(table: Table) -> Table:
    kept = [i for i, column in enumerate(table.columns) if column.role != "published"]
    return table._replace(
        columns=[table.columns[i] for i in kept],
        rows=[[row[i] for i in kept] for row in table.rows],
        bold={(row, kept.index(column)) for row, column in table.bold if column in kept},
        doubts=(),
    )


def _rounded(table: Table, digits: int) -> Table:
    return table._replace(rows=[[found.at_most(digits) for found in row] for row in table.rows])
