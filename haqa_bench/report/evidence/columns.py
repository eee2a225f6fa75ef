"""Which evidence each column of each table declares."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from haqa_bench.report.evidence.place import WEIGHTS, Declared, Place
from haqa_bench.report.evidence.tables import (
    best_found,
    bit_widths,
    comparison,
    fronts,
    memory_limits,
    spent,
)
from haqa_bench.report.evidence.tables.best_confirmed import task_accuracy
from haqa_bench.report.evidence.tree import Evidence
from haqa_bench.report.tables import random_weights
from haqa_bench.report.tables.best_found_columns import TESTED
from haqa_bench.report.tables.table import Column


def _nothing(column: Column) -> Declared | None:
    """What a table declares of columns that its headings do not tell."""
    return None


class Declares(NamedTuple):
    """What the tables declare whose names fit a pattern: by the names that ids have of
    headings, and of columns whose headings
    are a metric's, a unit's or a method's.
    """

    names: str
    columns: Mapping[str, Declared]
    others: Callable[[Column], Declared | None] = _nothing


def _measured(column: Column) -> Declared | None:
    """What is measured stands under its unit, or under its metric and its unit; so does a task's
    metric, as it was tested.
    """
    if re.fullmatch(TESTED.format(".+"), column.name):
        return task_accuracy
    named = column.unit and column.name.endswith(column.unit) and column.role == "value"
    return best_found.best if named else None


def _point(column: Column) -> Declared | None:
    """A goal, or a method."""
    return fronts.studies_at if column.method else fronts.goal


TABLES: Sequence[Declares] = (
    Declares("comparison", comparison.COLUMNS),
    Declares("fronts", fronts.COLUMNS),
    Declares(r"front\d+", {}, _point),
    Declares("spent", spent.COLUMNS),
    Declares("table4", bit_widths.COLUMNS),
    Declares("table4-methods", bit_widths.CHOSEN),
    Declares("table5-contexts", memory_limits.CONTEXTS, memory_limits.of_contexts),
    Declares("table5-peaks", memory_limits.PEAKS),
    Declares("table5", memory_limits.COLUMNS, memory_limits.others),
    Declares(".*", best_found.COLUMNS, _measured),
)
"""The first whose pattern fits a table's name counts."""

EVERYWHERE: Mapping[str, Declared] = {random_weights.COLUMN.slug: WEIGHTS}
"""Columns that any table may have."""


def declared(table: str, column: Column) -> Declared | None:
    """The evidence of a column of a table; None where nothing declares it."""
    of = next(d for d in TABLES if re.fullmatch(d.names, table))
    return of.columns.get(column.slug) or EVERYWHERE.get(column.slug) or of.others(column)


def evidence(place: Place) -> Evidence:
    """What stands behind what is printed in a place; nothing where nothing is printed."""
    made = declared(place.table, place.column)
    return made(place) if made is not None and place.printed.text else Evidence()
