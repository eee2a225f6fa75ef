"""Whether the order of what a table compares is the same by printed and by recomputed averages."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from haqa_bench.report.published.checks import averages
from haqa_bench.report.published.checks.finding import Finding, listed
from haqa_bench.report.published.document import Column, PublishedTable, Row


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding for each column of averages of which a recomputed one turns an order around."""
    if table.compared not in table.keys:
        return
    place = table.keys.index(table.compared)
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in table.rows:
        groups[row.key[:place] + row.key[place + 1 :]].append(row)
    for column in (c for c in table.columns if c.kind == "average"):
        details = [
            detail
            for group, rows in groups.items()
            for detail in _turned(table, column, group, rows, place)
        ]
        if details:
            what = (
                f"by the recomputed {column.name} the order of {table.compared} labels is another "
                f"in {len(details)} places."
            )
            yield Finding(table.label, "orders", False, what, tuple(details))


def _turned(
    table: PublishedTable, column: Column, group: Sequence[str], rows: Sequence[Row], place: int
) -> Iterator[str]:
    """For each label that is printed above others of its group, and recomputed below them."""
    turned: dict[str, list[str]] = defaultdict(list)
    at = table.names.index(column.name)
    for one, other in combinations(rows, 2):
        printed = [row.values[at].number for row in (one, other)]
        means = [averages.recomputed(table, row, column) for row in (one, other)]
        if None in printed or None in means:
            continue
        above = (printed[0] or 0.0) - (printed[1] or 0.0)
        recomputed = (means[0] or 0.0) - (means[1] or 0.0)
        if above * recomputed < 0:
            first, second = (one, other) if above > 0 else (other, one)
            turned[_told(table, column, first, place)].append(_told(table, column, second, place))
    for upper, others in turned.items():
        yield f"{', '.join(group)}: {upper} is printed above {listed(others)}"


def _told(table: PublishedTable, column: Column, row: Row, place: int) -> str:
    printed = table.at(row, column.name).number
    mean = averages.recomputed(table, row, column)
    digits = column.digits
    return f"{row.key[place]} ({printed:.{digits}f}, recomputed {mean:.{digits}f})"
