"""A short table in parts, where a page has no room for all of its columns and none is to be left
out.
"""

import math
from collections.abc import Sequence

from haqa_bench.report.tables.short import GAP, widths
from haqa_bench.report.tables.table import Table


def parted(table: Table, room: int) -> list[Table]:
    """The table in as few parts as it takes for each, in its short form, to be no wider than so
    many characters, and in equal ones where that will do; a column that alone is wider has a part
    of its own. What names a row stands in every part.
    """
    every = range(len(table.columns))
    named = [i for i in every if table.columns[i].role == "key"]
    shown = [i for i in named if table.columns[i].place == "row"]
    others = [i for i in every if i not in named and table.columns[i].place == "row"]

    def fit(part: Sequence[int]) -> bool:
        return _width(table, [*shown, *part]) <= room

    parts: list[list[int]] = []
    for column in others:
        if parts and fit([*parts[-1], column]):
            parts[-1].append(column)
        else:
            parts.append([column])
    size = math.ceil(len(others) / max(1, len(parts)))
    equal = [others[i : i + size] for i in range(0, len(others), size)] if size else parts
    parts = equal if all(map(fit, equal)) else parts
    if len(parts) <= 1:
        return [table]
    return [
        table.only([*named, *part])._replace(title=f"{table.title} ({i} of {len(parts)})")
        for i, part in enumerate(parts, 1)
    ]


def _width(table: Table, columns: Sequence[int]) -> int:
    return sum(widths(table, columns)) + GAP * (len(columns) - 1)
