"""Whether one group changes far more than all others from one label of a key to another.

Such as one model that loses eight points from INT8 to INT4 on a task on which the others lose less
than one, with every method.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from haqa_bench.report.published.checks.finding import Finding
from haqa_bench.report.published.checks.grid import Grid, grid
from haqa_bench.report.published.document import PublishedTable

TIMES = 5.0
"""The smallest change of what stands out is at least so many times the largest of all others."""
FEWEST = 3
"""Groups: two cannot say which of them stands out."""


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding where a group stands out, of each pair of keys that the table does not compare."""
    numbers = grid(table)
    keys = [key for key in table.keys if key != table.compared]
    if len(keys) != 2:  # one key changes, the other's labels are the groups
        return
    details = [
        told
        for changes, groups in (keys, keys[::-1])
        if len(numbers.labels(groups)) >= FEWEST
        for one, other in combinations(numbers.labels(changes), 2)
        for told in _standing_out(numbers, changes, (one, other), groups)
    ]
    if details:
        what = f"one group changes at least {TIMES:g} times as much as every other."
        yield Finding(table.label, "jumps", False, what, tuple(details))


def _standing_out(
    numbers: Grid, changes: str, between: tuple[str, str], groups: str
) -> Iterator[str]:
    rest = [axis for axis in numbers.axes if axis not in (changes, groups)]
    last = rest[-1]
    for column in numbers.labels(last) if len(rest) > 1 else [""]:
        found = _changes(numbers, changes, between, groups, {last: column} if column else {})
        for group, own in found.items():
            others = [abs(c) for name, of in found.items() if name != group for c in of]
            if others and _far(own, others):
                amounts = f"{min(own):+.2f} to {max(own):+.2f} in all {len(own)} pairs"
                yield (
                    f"{group}, {column or last}: from {between[0]} to {between[1]} {amounts}; "
                    f"the others at most {max(others):.2f}"
                )


def _far(own: Sequence[float], others: Sequence[float]) -> bool:
    same_sign = min(own) > 0 or max(own) < 0
    return same_sign and min(abs(c) for c in own) >= TIMES * max(others)


def _changes(
    numbers: Grid,
    changes: str,
    between: tuple[str, str],
    groups: str,
    fixed: Mapping[str, str],
) -> dict[str, list[float]]:
    """By group, every change from the one label to the other, all else the same."""
    others = [axis for axis in numbers.axes if axis not in (changes, groups, *fixed)]
    found: dict[str, list[float]] = {}
    for group in numbers.labels(groups):
        for labels in numbers.along(*others):
            at = {**fixed, groups: group, **dict(zip(others, labels, strict=True))}
            ends = [numbers.at({**at, changes: label}) for label in between]
            if ends[0] is not None and ends[1] is not None:
                found.setdefault(group, []).append(ends[1] - ends[0])
    return found
