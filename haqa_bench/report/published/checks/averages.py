"""Whether printed averages are the means of their printed parts."""

from collections.abc import Iterator
from statistics import fmean

from haqa_bench.report.published.checks.finding import EPSILON, Finding, last_digit
from haqa_bench.report.published.document import Column, PublishedTable, Row


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding for each column of averages."""
    for column in table.columns:
        if column.kind == "average":
            yield _finding(table, column)


def recomputed(table: PublishedTable, row: Row, column: Column) -> float | None:
    """The mean of an average's parts, in its unit; None where a part has no number."""
    parts = [table.at(row, name).number for name in column.of]
    known = [part for part in parts if part is not None]
    return fmean(known) if known and len(known) == len(parts) else None


def difference(table: PublishedTable, row: Row, column: Column) -> float | None:
    """The printed average less the mean of its parts; None where one of both is unknown."""
    stated, mean = table.at(row, column.name).number, recomputed(table, row, column)
    return None if stated is None or mean is None else stated - mean


def agrees(off: float, column: Column) -> bool:
    """Whether a difference is one of rounding: half of the last digit of the parts, and half of
    that of the average.
    """
    return abs(off) <= last_digit(column.digits) + EPSILON


def doubt(table: PublishedTable, row: Row, column: Column) -> str:
    """Of an average that is not the mean of its parts, what that mean is; else empty."""
    off = difference(table, row, column) if column.kind == "average" else None
    if off is None or agrees(off, column):
        return ""
    return f"the mean of its {len(column.of)} parts is {_mean(table, row, column)}"


def _mean(table: PublishedTable, row: Row, column: Column) -> str:
    return f"{recomputed(table, row, column) or 0.0:.{column.digits}f}"


def _finding(table: PublishedTable, column: Column) -> Finding:
    found = [(r, off) for r in table.rows if (off := difference(table, r, column)) is not None]
    others = [(row, off) for row, off in found if not agrees(off, column)]
    same = [row for row, off in found if agrees(off, column)]
    parts = f"the mean of its {len(column.of)} parts"
    within = f"within {last_digit(column.digits):g}"
    if not others:
        what = f"{column.name} is {parts} in {len(same)} of {len(found)} rows, {within}."
        return Finding(table.label, "averages", True, what)
    low, high = min(off for _, off in others), max(off for _, off in others)
    return Finding(
        table.label,
        "averages",
        False,
        f"the printed {column.name} is {parts} in {len(same)} of {len(found)} rows ({within}); in "
        f"{len(others)} it is not, by {low:+.2f} to {high:+.2f}.",
        (
            *(f"agrees: {_told(table, row, column)}" for row in same),
            *(
                f"differs: {_told(table, row, column)}, {off:+.{column.digits}f}"
                for row, off in others
            ),
        ),
    )


def _told(table: PublishedTable, row: Row, column: Column) -> str:
    printed = table.at(row, column.name).number
    mean = _mean(table, row, column)
    return f"{', '.join(row.key)}: printed {printed:.{column.digits}f}, recomputed {mean}"
