"""Whether printed ratios are those of their printed operands, as far as rounding allows to say."""

from collections.abc import Iterator, Sequence

from haqa_bench.report.published.checks.finding import EPSILON, Finding, last_digit
from haqa_bench.report.published.document import Column, PublishedTable, Row


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding for each column of ratios of which a number is known."""
    for column in table.columns:
        if column.kind == "ratio":
            every = [(row, _agrees(table, row, column)) for row in table.rows]
            if found := [(row, ok) for row, ok in every if ok is not None]:
                yield _finding(table, column, found)


def _operands(table: PublishedTable, row: Row, column: Column) -> tuple[float, float] | None:
    first, second = (table.at(row, name).number for name in column.of)
    return None if first is None or not second else (first, second)


def _agrees(table: PublishedTable, row: Row, column: Column) -> bool | None:
    """Whether operands that are printed so can have a ratio that is printed so; None where one is
    unknown.
    """
    stated, found = table.at(row, column.name).number, _operands(table, row, column)
    if stated is None or found is None:
        return None
    half = [last_digit(table.columns[table.names.index(name)].digits) / 2 for name in column.of]
    if abs(found[1]) <= half[1]:
        return None  # it may be zero
    ends = [
        (found[0] + a) / (found[1] + b) for a in (-half[0], half[0]) for b in (-half[1], half[1])
    ]
    own = last_digit(column.digits) / 2 + EPSILON
    return min(ends) - own <= stated <= max(ends) + own


def _finding(table: PublishedTable, column: Column, found: Sequence[tuple[Row, bool]]) -> Finding:
    others = [row for row, ok in found if not ok]
    right = len(found) - len(others)
    what = (
        f"the printed {column.name} is {column.of[0]} over {column.of[1]} in {right} of "
        f"{len(found)} rows; {_extremes(table, column)}"
    )
    told = tuple(_told(table, row, column) for row in others)
    return Finding(table.label, "ratios", not others, what, told)


def _extremes(table: PublishedTable, column: Column) -> str:
    """The largest ratio, and the next one, in words."""
    known = [(n, row) for row in table.rows if (n := table.at(row, column.name).number)]
    first, *others = sorted(known, key=lambda item: -item[0])
    largest = f"the largest is {first[0]:.{column.digits}f}, {', '.join(first[1].key)}"
    return f"{largest}; the next {others[0][0]:.{column.digits}f}." if others else f"{largest}."


def _told(table: PublishedTable, row: Row, column: Column) -> str:
    stated, found = table.at(row, column.name).number, _operands(table, row, column)
    first, second = found or (0.0, 1.0)
    ratio = f"{first:g} / {second:g} = {first / second:.{column.digits + 1}f}"
    return f"{', '.join(row.key)}: printed {stated:.{column.digits}f}, and {ratio}"
