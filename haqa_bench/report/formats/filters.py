"""Which tables, columns and digits a reader asked for."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import NamedTuple

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
    kept = {
        name: table
        for name, table in made.items()
        if not names or name in names or paper_name(name) in names
    }
    if not published:
        kept = {name: _without_published(table) for name, table in kept.items()}
    if digits is None:
        return kept
    return {name: _rounded(table, digits) for name, table in kept.items()}


def paper_name(name: str) -> str:
    """The paper's table that a table of ours is of: table2 for table2-average-accuracy, whose cells
    tune another metric; else its own name.
    """
    found = re.fullmatch(r"(table[123])-.+", name)
    return found[1] if found else name


def is_compared(word: str) -> bool:
    """Whether a word names a table that compares methods."""
    return full_name(word) in COMPARED


def full_name(word: str) -> str:
    """2, T2 and table2 are table2; F5 is figure5."""
    found = re.fullmatch(r"([tf]?)(\d+)", word.lower())
    return f"{PAPER[found[1]]}{found[2]}" if found else word


class Wanted(NamedTuple):
    """Names of columns (as ids have them), methods and cells that a reader asked for, with * and ?;
    None where all are.
    """

    columns: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    cells: Sequence[str] | None = None

    def of(self, table: Table) -> Table:
        """What of a table was asked for. What names a row always stays; columns that are named
        stand in their order, also in the short form.
        """
        rows = [
            i
            for i, key in enumerate(table.keys)
            if _is(key.cell, self.cells) and (not key.method or _is(key.method, self.methods))
        ]
        names = [i for i, column in enumerate(table.columns) if column.role == "key"]
        others = [
            i
            for i, column in enumerate(table.columns)
            if column.role != "key" and (not column.method or _is(column.method, self.methods))
        ]
        if self.columns is not None:
            others = [
                i for word in self.columns for i in others if fnmatch(table.columns[i].slug, word)
            ]
        kept = table.only([*names, *others], rows if table.keys else None)
        if self.columns is None:
            return kept
        return kept._replace(
            columns=[c if c.place == "heading" else c._replace(place="row") for c in kept.columns]
        )


def _is(name: str, wanted: Sequence[str] | None) -> bool:
    return wanted is None or any(fnmatch(name, word) for word in wanted)


def _without_published(table: Table) -> Table:
    kept = [i for i, column in enumerate(table.columns) if column.role != "published"]
    return table.only(kept)._replace(doubts=())


def _rounded(table: Table, digits: int) -> Table:
    return table._replace(rows=[[found.at_most(digits) for found in row] for row in table.rows])
