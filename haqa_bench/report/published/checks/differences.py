"""Whether what a table compares differs by the same amount in one group as in another.

From one group to another, such as from model to model, each compared label (each method) changes by
some amounts, one for each quantity (each task). Labels that change by the same amounts differ from
each other by the same amounts in both groups. Three or more such labels are told.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from haqa_bench.report.published.checks.finding import EPSILON, Finding, last_digit, listed
from haqa_bench.report.published.checks.grid import Grid, grid
from haqa_bench.report.published.document import PublishedTable

FEWEST = 3
"""Labels; two that differ alike by chance are no surprise where numbers have two digits."""
Shift = tuple[float, ...]


class Alike(NamedTuple):
    """Labels that differ from each other alike in some groups, where the other axes are `fixed`."""

    fixed: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding for each key over whose labels differences are the same."""
    if not table.compared:
        return
    numbers = grid(table)
    unit = max(last_digit(column.digits) for column in table.columns)
    for over in (key for key in table.keys if key != table.compared):
        found = _alike(numbers, table.compared, over, table, unit + EPSILON)
        if found:
            yield _finding(table, numbers, over, found, unit)


def _alike(
    numbers: Grid, compared: str, over: str, table: PublishedTable, most: float
) -> list[Alike]:
    """All that are alike. The columns are quantities, unless they are what is compared."""
    quantities = "" if table.columns_are == compared else numbers.axes[-1]
    fixed = [axis for axis in numbers.axes if axis not in (compared, over, quantities)]
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
    for labels in numbers.along(*fixed):
        at = dict(zip(fixed, labels, strict=True))
        for one, other in combinations(numbers.labels(over), 2):
            shifts = _shifts(numbers, at, compared, (over, one, other), quantities)
            for names in _clusters(shifts, most):
                found[labels, names] |= {one, other}
    order = numbers.labels(over)
    return [
        Alike(at, names, tuple(sorted(groups, key=order.index)))
        for (at, names), groups in found.items()
    ]


def _shifts(
    numbers: Grid,
    at: Mapping[str, str],
    compared: str,
    between: tuple[str, str, str],
    quantities: str,
) -> dict[str, Shift]:
    """By how much each label changes from one group to the other; without what lacks a number."""
    over, one, other = between
    shifts = {}
    for label in numbers.labels(compared):
        here = [{**at, compared: label}]
        if quantities:
            here = [{**here[0], quantities: name} for name in numbers.labels(quantities)]
        ends = [(numbers.at({**p, over: one}), numbers.at({**p, over: other})) for p in here]
        known = [b - a for a, b in ends if a is not None and b is not None]
        if len(known) == len(ends):
            shifts[label] = tuple(known)
    return shifts


def _clusters(shifts: Mapping[str, Shift], most: float) -> Iterator[tuple[str, ...]]:
    """The labels whose shifts are the same, `most` apart at most, where they are enough."""
    left = list(shifts)
    while left:
        names = [n for n in left if _close(shifts[left[0]], shifts[n], most)]
        left = [name for name in left if name not in names]
        if len(names) >= FEWEST:
            yield tuple(names)


def _close(one: Shift, other: Shift, most: float) -> bool:
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def _finding(
    table: PublishedTable, numbers: Grid, over: str, found: Sequence[Alike], unit: float
) -> Finding:
    labels = max(len(alike.labels) for alike in found)
    groups = max(len(alike.groups) for alike in found)
    what = (
        f"up to {labels} labels of {table.compared} differ from each other by the same amounts for "
        f"up to {groups} labels of {over}, within {unit:g}."
    )
    details = [_told(table, numbers, over, alike, unit) for alike in found]
    return Finding(table.label, "differences", False, what, tuple(details))


def _told(table: PublishedTable, numbers: Grid, over: str, alike: Alike, unit: float) -> str:
    quantities = table.columns_are != table.compared
    names = numbers.labels(numbers.axes[-1]) if quantities else []
    each = f" in each of {len(names)} columns" if names else ""
    first, last = alike.labels[0], alike.labels[-1]
    amounts = _amounts(table, numbers, over, alike)
    digits = max(0, len(f"{unit:g}".partition(".")[2]))
    shown = ", ".join(f"{amount:.{digits}f}" for amount in amounts)
    where = f"{', '.join(alike.fixed)}: " if alike.fixed else ""
    return (
        f"{where}any two of {listed([*alike.labels])} differ alike for {listed([*alike.groups])}"
        f"{each}; {last} - {first} is {shown}"
    )


def _amounts(table: PublishedTable, numbers: Grid, over: str, alike: Alike) -> list[float]:
    """The last label less the first in the first group, quantity by quantity."""
    quantities = "" if table.columns_are == table.compared else numbers.axes[-1]
    known = (table.compared, over, quantities)
    fixed = [axis for axis in numbers.axes if axis not in known]
    at = {**dict(zip(fixed, alike.fixed, strict=True)), over: alike.groups[0]}
    every = [{**at, quantities: n} for n in numbers.labels(quantities)] if quantities else [at]
    ends = [
        [numbers.at({**place, table.compared: label}) or 0.0 for label in alike.labels]
        for place in every
    ]
    return [end[-1] - end[0] for end in ends]
