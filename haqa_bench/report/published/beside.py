"""What was published of the same thing as a cell of ours, to be printed beside its numbers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report import traits
from haqa_bench.report.published import checks
from haqa_bench.report.published.checks import averages
from haqa_bench.report.published.document import UNKNOWN, Column, PublishedTable, Row
from haqa_bench.report.published.printed import printed
from haqa_bench.report.tables.table import Table, Value, words

ABOUT = (
    "what is known of the paper's own number, with its source (paper_tables/); UNKNOWN "
    "where nothing is"
)
Label = str | int


Place = Mapping[str, Label]
"""What a cell of ours is of, by the names that published tables have as keys, or in `ours`."""


class Found(NamedTuple):
    """A published value of the same thing."""

    row: Row
    column: Column


def place_of(cell: Cell) -> Place:
    """The place of a cell; with the name and the sizes of the part of a model that it is of."""
    named = {"model": cell.model_name, "bit_width": cell.bit_width, "hardware": cell.hardware.name}
    part = {"kernel": traits.part(cell)} if traits.part(cell) else {}
    return {**named, **part, **traits.sizes(cell)}


def same(table: PublishedTable, row: Row, place: Place) -> bool:
    """Whether a row is of this place: all that both say is the same."""
    told: dict[str, Label] = dict(zip(table.keys, row.key, strict=True))
    told.pop(table.compared, None)
    return any(
        all(_alike(label, place[name]) for name, label in (told | ours).items() if name in place)
        for ours in row.every
    )


def _alike(published: Label, ours: Label) -> bool:
    return published == UNKNOWN or str(published).casefold() == str(ours).casefold()


def said(table: PublishedTable | None, place: Place, method: str) -> Value:
    """What was published of a method of ours at a place; UNKNOWN where nothing is known, or no
    published value is of this place.

    Of several columns that a method has, a ratio or an average is told, and else all of them.
    """
    if table is None:
        return words(UNKNOWN)
    known = found(table, place, method)
    if len(known) == 1:
        return _told(table, known[0])
    texts = [f"{column.name} {_number(table, Found(row, column)).text}" for row, column in known]
    return words(f"{', '.join(texts)} ({_inside(table)})" if texts else UNKNOWN)


def found(table: PublishedTable, place: Place, method: str) -> list[Found]:
    """Every value of a method of ours at a place, of which `said` tells."""
    return [
        Found(row, column)
        for row in table.rows
        if same(table, row, place)
        for column in _columns(table, row, method)
    ]


def with_doubts(made: Table, table: PublishedTable | None) -> Table:
    """The table, with what to know of the published values that it prints: what their arithmetic
    says, what else disagrees, and what their sources are. As it is where it prints none.
    """
    places = [i for i, column in enumerate(made.columns) if column.role == "published"]
    shown = {row[place].text for row in made.rows for place in places} - {"", UNKNOWN}
    if table is None or not shown:
        return made
    told = [f"Published, {f.table}: {f.summary}" for f in checks.of(table) if not f.agrees]
    told += [f"Published, {table.label}: {doubt}" for doubt in table.doubts]
    return made._replace(doubts=[*told, *table.codes])


def _columns(table: PublishedTable, row: Row, method: str) -> Sequence[Column]:
    """The columns of a row that are of a method, the telling ones alone where there are such."""
    if not table.compared:
        return table.columns
    labels = {label for label, ours in table.methods.items() if method in ours}
    if table.compared == table.columns_are:
        ratios = [c for c in table.columns if c.kind == "ratio" and labels & _tuned(table, c)]
        return ratios or [c for c in table.columns if c.name in labels]
    if row.key[table.keys.index(table.compared)] not in labels:
        return ()
    return [c for c in table.columns if c.kind == "average"] or table.columns


def _tuned(table: PublishedTable, ratio: Column) -> set[str]:
    """Of the two columns of a ratio, those that are no baseline."""
    baselines = {column.name for column in table.columns if column.kind == "baseline"}
    return {*ratio.of} - baselines


def _told(table: PublishedTable, found: Found) -> Value:
    shown, entry = _number(table, found), table.at(found.row, found.column.name)
    if not entry.known:
        return shown
    doubt = averages.doubt(table, found.row, found.column)
    inside = _inside(table, entry.source, doubt)
    return shown._replace(text=f"{shown.text} ({inside})", form=None)


def _number(table: PublishedTable, found: Found) -> Value:
    """With its unit."""
    column, entry = found.column, table.at(found.row, found.column.name)
    shown = printed(table, column, entry)
    unit = "" if entry.word or column.unit in ("", "x") else f" {column.unit}"
    return shown._replace(text=f"{shown.text}{unit}", form=None)


def _inside(table: PublishedTable, source: str = "", doubt: str = "") -> str:
    hardware = "" if table.hardware == UNKNOWN else table.hardware
    return "; ".join(filter(None, (hardware, source or table.source, doubt)))
