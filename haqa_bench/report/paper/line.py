"""A row of ours for a table in the paper's layout, and what the paper has that it stands for."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from types import MappingProxyType
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.report.published.beside import Place, place_of, same
from haqa_bench.report.published.document import UNKNOWN, Column, PublishedTable
from haqa_bench.report.tables.table import Form, Value, value, words
from haqa_bench.suite import TUNED_ON_TESTS

NONE = "none"
"""Stands below a method that no method of ours stands for."""
NAMED = ("model", "bit_width")
"""Keys of which a cell of ours has one of its own."""


class Line(NamedTuple):
    """A row of ours: a label for each key of the published table, and values by its columns' names.
    `said` is what a reader must know of them, `remark` what is to be known of this cell alone.
    """

    cell: Cell
    key: Sequence[str]
    values: Mapping[str, Value]
    source: str
    said: str = ""
    remark: str = ""
    place: int = 0
    """0 of what stands for the published methods first, 1 of a second row of the same cell."""
    methods: Mapping[str, str] = MappingProxyType({})
    """Which method of ours stands for a published label here."""


def repeated(found: Sequence[float], column: Column, source: str) -> Value:
    """The mean of some repeats, with their standard deviation where there are two or more."""
    if not found:
        return words("not yet")
    std = stdev(found) if len(found) > 1 else None
    form = Form("{number}" + ("±{std}" if std is not None else ""), column.digits)
    return value(fmean(found), form, unit=column.unit, n=len(found), source=source, std=std)


def measured(number: float | None, column: Column, n: int, source: str) -> Value:
    """A number of ours with its column's digits; a ratio with two at least."""
    if number is None:
        return words("not yet")
    x, digits = ("x", max(2, column.digits)) if column.unit == "x" else ("", column.digits)
    return value(number, Form("{number}" + x, digits), unit=column.unit, n=n, source=source)


def stands_in(table: PublishedTable, cell: Cell) -> str:
    """What a cell of ours is to the paper's, in words; and whether it is tuned on what it
    reports.
    """
    found = differs(table, cell)
    what = f"stand-in: {', '.join(found)}" if found else "the paper's own model and hardware"
    return f"{what}; {TUNED_ON_TESTS}" if tracks.tuned_on_tests(cell) else what


def differs(table: PublishedTable, cell: Cell) -> list[str]:
    """In what a cell of ours is not the paper's: empty where only space, budget and settings may
    not be.
    """
    simulated = ["simulated, not measured"] if cell.simulated else []
    return [*_other_labels(table, cell), *_other_hardware(table, cell), *simulated]


def _other_labels(table: PublishedTable, cell: Cell) -> list[str]:
    place = place_of(cell)
    if "kernel" in table.keys:
        alike = any(same(table, row, place) for row in table.rows)
        return [] if alike else ["another shape or layout of the kernel"]
    known = [(i, key) for i, key in enumerate(table.keys) if key in NAMED]
    return list(filter(None, (_other_label(table, i, {key: place[key]}) for i, key in known)))


def _other_label(table: PublishedTable, number: int, part: Place) -> str:
    """How one label of ours is not the paper's; empty where it is."""
    alike = [row for row in table.rows if same(table, row, part)]
    name = table.keys[number].replace("_", "-")
    if not alike:
        return f"another {name}"
    return f"{name} (the paper's is UNKNOWN)" if alike[0].key[number] == UNKNOWN else ""


def _other_hardware(table: PublishedTable, cell: Cell) -> list[str]:
    if table.hardware == UNKNOWN:
        return ["hardware (the paper's is UNKNOWN)"]
    return [] if cell.hardware.name == table.device else ["other hardware"]
