"""Tables ready for the page's template: their short form first, the columns of the wide one behind
it, and an id for each table, row and number.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report.labels import labelled
from haqa_bench.report.page.data import RunShown
from haqa_bench.report.tables.short import short
from haqa_bench.report.tables.table import Column, Key, Table, Value, id_of, row_id

SMALLER = ("s", "ms", "us", "ns", "MB", "GB", "nats", "tokens", "USD", "proposals")
"""Units of what is better when there is less of it, wherever a cell's goal does not say."""


class Place(NamedTuple):
    """A place of a table: its text, its id (empty for none), what it is sorted by, in full (empty
    for words), and whether it is the best of its group.
    """

    text: str
    id: str
    number: str
    best: bool


class Heading(NamedTuple):
    """A column: its name, what it is called in addresses, how it is reckoned, whether it holds
    numbers and whether less of them is better, and whether only the wide table has it.
    """

    name: str
    slug: str
    about: str
    numeric: bool
    less: bool
    wide: bool
    key: bool
    method: str


class Row(NamedTuple):
    """A row; `cell` and `method` say whose studies stand behind it, where there are any."""

    id: str
    cell: str
    method: str
    places: Sequence[Place]


class Block(NamedTuple):
    """Rows below a heading of their own, which may be empty."""

    heading: str
    rows: Sequence[Row]


class Shown(NamedTuple):
    """A table: `id` is its own on the page, `name` what it is called in every format."""

    id: str
    name: str
    title: str
    headings: Sequence[Heading]
    blocks: Sequence[Block]
    notes: Sequence[str]
    details: Sequence[str]

    @property
    def size(self) -> int:
        """How many rows it has."""
        return sum(len(block.rows) for block in self.blocks)


class Ids:
    """The ids of a page. Of several runs' equal ones, the later carry their run's name."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, wanted: str, run: RunShown) -> str:
        """An id that nothing on the page has yet."""
        free = f"{wanted}@{run.name}" if wanted in self._taken else wanted
        self._taken.add(free)
        return free


def shown(name: str, table: Table, run: RunShown, cells: Mapping[str, Cell], ids: Ids) -> Shown:
    """A table of a run; `cells` are the run's, by id."""
    read = labelled(table)
    brief = short(read)
    front = [next(i for i, c in enumerate(read.columns) if c is column) for column in brief.columns]
    order = [*front, *(i for i in range(len(table.columns)) if i not in front)]
    called = ids.free(name, run)
    rows = [
        _row(name, table, number, order, read.rows[number], run, ids)
        for number in range(len(table.rows))
    ]
    return Shown(
        id=called,
        name=name,
        title=brief.title,
        headings=[_heading(table, i, read.columns[i].name, i not in front, cells) for i in order],
        blocks=[Block(p.heading, [rows[i] for i in p.rows]) for p in brief.parts],
        notes=[*read.notes, *read.doubts],
        details=read.details,
    )


def _heading(table: Table, place: int, name: str, wide: bool, cells: Mapping[str, Cell]) -> Heading:
    column = table.columns[place]
    return Heading(
        name=name,
        slug=column.slug,
        about=column.about,
        numeric=table.numeric(place),
        less=_less(column, table.keys, cells),
        wide=wide,
        key=column.role == "key",
        method=column.method,
    )


def _less(column: Column, keys: Sequence[Key], cells: Mapping[str, Cell]) -> bool:
    """Whether less of what stands in a column is better."""
    cell = cells.get(keys[0].cell) if keys else None
    for goal in cell.objective.goals if cell else ():
        if column.unit == goal.unit and (column.name.startswith((goal.metric, goal.unit))):
            return goal.direction == "minimize"
    return column.unit in SMALLER or column.slug in ("regret", "median-regret", "rank")


def _row(
    name: str,
    table: Table,
    number: int,
    order: Sequence[int],
    values: Sequence[Value],
    run: RunShown,
    ids: Ids,
) -> Row:
    """A row with its columns in an order; its ids are of the table's own names, `values` what is
    read.
    """
    key = table.keys[number] if table.keys else None
    return Row(
        id=ids.free(row_id(name, key), run) if key else "",
        cell=key.cell if key else "",
        method=key.method if key else "",
        places=[
            _place(
                values[i],
                ids.free(id_of(name, key, table.columns[i].name), run) if key else "",
                (number, i) in table.bold,
            )
            for i in order
        ],
    )


def _place(found: Value, called: str, best: bool) -> Place:
    number = found.low if found.number is None else found.number
    return Place(found.text, called, "" if number is None else repr(float(number)), best)
