"""Whether the standard deviation of an average can be that of the mean of its parts.

Whatever the parts have to do with each other, the standard deviation of their mean over the same
repeats is at most the mean of their standard deviations (the triangle inequality).
"""

from collections.abc import Iterator, Sequence
from statistics import fmean

from haqa_bench.report.published.checks.finding import EPSILON, Finding, last_digit
from haqa_bench.report.published.document import Column, PublishedTable, Row


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding for each column of averages that has standard deviations, as its parts have."""
    label = table.deviations.label if table.deviations else table.label
    for column in (c for c in table.columns if c.kind == "average"):
        every = [(row, _most(table, row, column)) for row in table.rows]
        if found := [(row, most) for row, most in every if most is not None]:
            yield _finding(label, table, column, found)


def _most(table: PublishedTable, row: Row, column: Column) -> float | None:
    """The mean of the parts' standard deviations; None where one is missing, or the average's."""
    stds = [table.at(row, name).std for name in (*column.of, column.name)]
    known = [std for std in stds if std is not None]
    return fmean(known[:-1]) if len(known) == len(stds) else None


def _finding(
    label: str, table: PublishedTable, column: Column, found: Sequence[tuple[Row, float]]
) -> Finding:
    rounding = last_digit(column.digits) + EPSILON
    stated = [(row, table.at(row, column.name).std or 0.0, most) for row, most in found]
    above = [(row, std, most) for row, std, most in stated if std > most + rounding]
    what = (
        f"the standard deviation of {column.name} is above the mean of its {len(column.of)} parts' "
        f"in {len(above)} of {len(found)} rows; that of a mean over the same repeats never is."
    )
    told = tuple(
        f"{', '.join(row.key)}: {std:.{column.digits}f}, the parts' mean is "
        f"{most:.{column.digits}f}"
        for row, std, most in above
    )
    return Finding(label, "deviations", not above, what, told)
