"""What was published of a method, as points to draw beside ours."""

from collections.abc import Iterator
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report import traits
from haqa_bench.report.published import beside
from haqa_bench.report.published.document import Column, PublishedTable, Row


class Point(NamedTuple):
    """A published value and what is around it, a standard deviation to both sides or a range; of
    which row, and whether that is the same cell as ours, or one that differs from it in the model
    or in a size.
    """

    low: float
    value: float
    high: float
    row: str
    same: bool


def points(table: PublishedTable, cell: Cell, *methods: str) -> Iterator[Point]:
    """What was published of a method of ours, by any of its names, on cells like this one: of the
    same bit-width, and of the same kernel where it is of one.
    """
    labels = {label for label, ours in table.methods.items() if {*methods} & {*ours}}
    yield from _points(table, cell, labels)


def points_of(table: PublishedTable, cell: Cell, label: str) -> Iterator[Point]:
    """The same of what the table calls a method, and we have none of."""
    yield from _points(table, cell, {label})


def only_published(table: PublishedTable) -> list[str]:
    """What the table compares and we have no method of, such as people."""
    return [label for label, ours in table.methods.items() if not ours]


def _points(table: PublishedTable, cell: Cell, labels: set[str]) -> Iterator[Point]:
    whole = beside.place_of(cell)
    like = {name: whole[name] for name in ("bit_width", "kernel") if name in whole}
    if traits.part(cell):
        like.pop("bit_width")  # the paper's kernels are all of one, ours are not
    for row in table.rows:
        for column in table.columns:
            if beside.same(table, row, like) and _is_of(table, row, column, labels):
                point = _point(table, row, column, beside.same(table, row, whole))
                if point:
                    yield point


def _is_of(table: PublishedTable, row: Row, column: Column, labels: set[str]) -> bool:
    """Whether a value is what a table is about, and of one of these labels."""
    kinds = {c.kind for c in table.columns}
    wanted = next((kind for kind in ("ratio", "average") if kind in kinds), column.kind)
    if column.kind != wanted:
        return False
    if table.compared != table.columns_are:
        return row.key[table.keys.index(table.compared)] in labels
    baselines = {c.name for c in table.columns if c.kind == "baseline"}
    return bool(({*column.of} - baselines or {column.name}) & labels)


def _point(table: PublishedTable, row: Row, column: Column, same: bool) -> Point | None:
    entry = table.at(row, column.name)
    name = " ".join(
        label
        for key, label in zip(table.keys, row.key, strict=True)
        if key not in (table.compared, "bit_width")
    )
    if entry.low is not None and entry.high is not None:
        return Point(entry.low, (entry.low + entry.high) / 2, entry.high, name, same)
    if entry.number is None:
        return None
    std = entry.std or 0.0
    return Point(entry.number - std, entry.number, entry.number + std, name, same)
