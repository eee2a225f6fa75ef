"""A published table in its own layout, with rows of ours beside.

Each row of ours bears a letter, whose note says of which cell it is and in what that is not the
paper's. The wide form says it in columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from string import ascii_lowercase
from typing import NamedTuple

from haqa_bench.report import traits
from haqa_bench.report.paper.line import NAMED, NONE, Line, stands_in
from haqa_bench.report.paper.placed import Lacking, Placed, is_below_its_own, order_of, placed
from haqa_bench.report.published import layout
from haqa_bench.report.published.checks import averages
from haqa_bench.report.published.document import Column as PublishedColumn
from haqa_bench.report.published.document import PublishedTable, Row
from haqa_bench.report.published.printed import printed
from haqa_bench.report.tables import random_weights
from haqa_bench.report.tables.table import NOTHING, Column, Form, Table, Value, value, words
from haqa_bench.report.traits import RANDOM, has_random_weights

WHO = (
    Column("Whose", about="the paper's, or ours", role="words", place="wide"),
    Column("Cell", about="of which cell ours is", role="words", place="wide"),
    Column("Stands in", about="in what our cell is not the paper's", role="words", place="wide"),
    Column("Source", about="where the numbers came from", role="source", place="wide"),
)
WEIGHTS = random_weights.COLUMN._replace(role="words", place="wide")
Group = tuple[str, str, str]
"""What has a letter: a first label of ours, its hardware, and in what it is not the paper's."""


class Made(NamedTuple):
    """A row of the table to be: the labels of its keys, its values, whose it is, and what is to be
    said of the weights.
    """

    key: Sequence[str]
    values: Sequence[Value]
    who: Sequence[str]
    weights: str = ""


def beside(table: PublishedTable, lines: Sequence[Line], elsewhere: Sequence[str] = ()) -> Table:
    """The published rows, and ours below that of the same model and bit-width, or else below those
    that have the same first label, or at the end; `elsewhere` says where what is not here is.
    """
    every = list(placed(table, sorted(lines, key=lambda line: _order(table, line))))
    letters = _letters(table, [one for one in every if isinstance(one, Line)])
    rows = [_row(table, one, letters) for one in every]
    varied = [i for i in range(len(table.keys)) if len({row.key[i] for row in rows}) > 1]
    lacking = any(isinstance(one, Lacking) for one in every)
    random = any(row.weights for row in rows)
    return Table(
        title=f"{table.label}: {table.title}{layout.unit_of(table)}",
        columns=[*layout.names(table, varied), *_columns(table), *WHO, *[WEIGHTS] * random],
        rows=[
            [
                *(words(row.key[i]) for i in varied),
                *row.values,
                *map(words, row.who),
                *[words(row.weights)] * random,
            ]
            for row in rows
        ],
        notes=[
            *_notes(table),
            *([f"{NOTHING}: no cell of this run is that."] if lacking else []),
            *(elsewhere if lacking else []),
            *_of_ours(table, lines, letters),
            *table.codes,
        ],
        details=table.notes,
        doubts=table.doubts,
    )


def _order(table: PublishedTable, line: Line) -> tuple[Group, int]:
    """Where a row of ours stands: with those of its letter, and as the published rows do."""
    return _group(table, line), order_of(table, line)


def _row(table: PublishedTable, one: Placed, letters: Mapping[Group, str]) -> Made:
    if isinstance(one, Line):
        return _ours(table, one, letters)
    return _lacking(table, one) if isinstance(one, Lacking) else _published(table, one)


def _group(table: PublishedTable, line: Line) -> Group:
    return line.key[0], line.cell.hardware.name, stands_in(table, line.cell)


def _letters(table: PublishedTable, lines: Sequence[Line]) -> Mapping[Group, str]:
    """With whose weights are random, where not all are."""
    groups = dict.fromkeys(_group(table, line) for line in lines)
    random = {_group(table, line) for line in lines if has_random_weights(line.cell)}
    return {
        group: ascii_lowercase[i % len(ascii_lowercase)] * (1 + i // len(ascii_lowercase))
        + (f", {RANDOM}" if group in random and len(random) < len(groups) else "")
        for i, group in enumerate(groups)
    }


def _columns(table: PublishedTable) -> Iterator[Column]:
    """Those that are published, and after an average the mean of its parts."""
    for column, own in zip(layout.columns(table), table.columns, strict=True):
        yield column
        if own.kind == "average":
            about = f"of the {len(own.of)} columns that {own.name} is of, recomputed"
            yield Column("Mean", own.unit, own.digits, about)


def _published(table: PublishedTable, row: Row) -> Made:
    def values() -> Iterator[Value]:
        for column, entry in zip(table.columns, row.values, strict=True):
            yield printed(table, column, entry, std=table.deviations is None)
            if column.kind == "average":
                yield _mean(averages.recomputed(table, row, column), column, "published")

    return Made(row.key, list(values()), ("the paper's", "", "", "published"))


def _mean(number: float | None, column: PublishedColumn, source: str) -> Value:
    if number is None:
        return words("")
    return value(number, Form("{number}", column.digits), unit=column.unit, source=source)


def _ours(table: PublishedTable, line: Line, letters: Mapping[Group, str]) -> Made:
    def values() -> Iterator[Value]:
        for column in table.columns:
            yield line.values.get(column.name) or words("")
            if column.kind == "average":
                parts = [line.values[name].number for name in column.of if name in line.values]
                known = [part for part in parts if part is not None]
                whole = fmean(known) if len(known) == len(column.of) else None
                yield _mean(whole, column, line.source)

    who = ("ours", line.cell.id, stands_in(table, line.cell), line.source)
    key = _lettered(table, line, letters[_group(table, line)])
    return Made(key, list(values()), who, RANDOM if has_random_weights(line.cell) else "")


def _lettered(table: PublishedTable, line: Line, letter: str) -> Sequence[str]:
    """Its labels, with the letter in the first. Below a row of its own, whose heading it shares,
    the last is the letter, or has it where it says more than that row.
    """
    if not is_below_its_own(table, line):
        return [f"({letter}) {line.key[0]}", *line.key[1:]]
    if table.keys[-1] in NAMED:
        return [*line.key[:-1], _called(letter, line.place)]
    return [*line.key[:-1], f"({letter}) {line.key[-1]}"]


def _called(letter: str, place: int) -> str:
    return f"({letter}{place + 1 if place else ''})"


def _lacking(table: PublishedTable, one: Lacking) -> Made:
    count = len(list(_columns(table)))
    return Made([*one.key[:-1], "ours"], [words(NOTHING)] * count, ("ours", "", "", ""))


def _notes(table: PublishedTable) -> Iterator[str]:
    yield (
        f"{table.paper}; hardware: {table.hardware}"
        + (f"; n = {table.n} repeats" if table.n else "")
        + ". Rows with a letter are ours; their spaces, budgets and settings are our suite's."
    )
    yield from (f"{word}: {meaning}." for word, meaning in table.words.items())
    if any(column.kind == "average" for column in table.columns):
        yield "Mean: of the columns before, recomputed."
    if any(table.methods.get(column.name) == () for column in table.columns):
        yield f"{NONE}: no method of ours is that."


def _of_ours(
    table: PublishedTable, lines: Sequence[Line], letters: Mapping[Group, str]
) -> Iterator[str]:
    """What ours are, and of each letter on what, in what it is not the paper's, and n."""
    if lines and all(has_random_weights(line.cell) for line in lines):
        yield f"Ours: {RANDOM}."
    yield from (f"Ours: {said}." for said in dict.fromkeys(line.said for line in lines))
    yield from _standing(table, lines, letters)
    yield from dict.fromkeys(f"{line.cell.id}: {line.remark}." for line in lines if line.remark)
    told: dict[str, list[Line]] = {}
    for group in letters:
        own = [line for line in lines if _group(table, line) == group]
        source = own[0].source if not own[0].cell.simulated else ""
        amounts = " or ".join(dict.fromkeys(traits.amounts(line.cell) for line in own))
        facts = (source, amounts, traits.guessing(own[0].cell))
        parts = (group[1], group[2], *facts)
        told.setdefault("; ".join(filter(None, parts)), []).extend(own)
    for what, own in told.items():
        names = dict.fromkeys(letters[_group(table, line)] for line in own)
        n = _n(own)
        yield f"({', '.join(names)}) {what}{'; ' * bool(n)}{n}."


def _standing(
    table: PublishedTable, lines: Sequence[Line], letters: Mapping[Group, str]
) -> Iterator[str]:
    """Which methods of ours stand for the published labels, in the first row of a cell and in the
    next.
    """
    found: dict[int, dict[str, dict[str, None]]] = {}
    for line in lines:
        for label, method in line.methods.items():
            found.setdefault(line.place, {}).setdefault(label, {})[method] = None
    for place, methods in sorted(found.items()):
        rows = dict.fromkeys(_called(letters[_group(table, li)], place) for li in lines)
        where = f"In {', '.join(rows)}" if place else "Of ours"
        others = {label: of for label, of in methods.items() if [*of] != [label]}
        told = (f"{label} is {' or '.join(of)}" for label, of in others.items())
        yield f"{where}, {', '.join(told)}."


def _n(lines: Sequence[Line]) -> str:
    """How many repeats stand behind the values of some rows, in words; empty where none do."""
    found = {known.n for line in lines for known in line.values.values() if known.n}
    return f"n = {' to '.join(map(str, sorted({min(found), max(found)})))}" if found else ""
