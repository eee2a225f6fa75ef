"""Which evidence each column of each table declares."""

import re
from collections.abc import Mapping, Sequence

from haqa_bench.report.evidence import best_found
from haqa_bench.report.evidence.place import Declared, Place
from haqa_bench.report.evidence.tree import Evidence
from haqa_bench.report.tables.table import Column

TABLES: Sequence[tuple[str, Mapping[str, Declared]]] = (("", best_found.COLUMNS),)
"""By how a table is called: the first whose pattern its whole name fits."""


def declared(table: str, column: Column) -> Declared | None:
    """The evidence of a column of a table; None where nothing declares it."""
    for pattern, columns in TABLES:
        if not pattern or re.fullmatch(pattern, table):
            return columns.get(column.name) or _main(column, pattern)
    return None


def _main(column: Column, pattern: str) -> Declared | None:
    """What is measured stands under its unit, or under its metric and its unit."""
    measured = column.unit and column.name.endswith(column.unit) and column.role == "value"
    return best_found.best if measured and not pattern else None


def evidence(place: Place) -> Evidence:
    """What stands behind what is printed in a place; nothing where nothing is printed."""
    made = declared(place.table, place.column)
    empty = made is None or not place.printed.text
    return Evidence() if empty or made is None else made(place)
