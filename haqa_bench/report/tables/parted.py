"""A short table in parts, where a page has no room for all of its columns and none is to be left
out.
"""

import math
from collections.abc import Sequence

from haqa_bench.report.tables.short import GAP, widths
from haqa_bench.report.tables.table import Table


def parted(table: Table, room: int) -> list[Table]:
    """The table in as many parts as it takes for each, in its short form, to be no wider than so
    many characters. What names a row stands in every part.
    """
    every = range(len(table.columns))
    named = [i for i in every if table.columns[i].role == "key"]
    shown = [i for i in named if table.columns[i].place == "row"]
    others = [i for i in every if i not in named and table.columns[i].place == "row"]
    for count in range(1, len(others) + 1):
        size = math.ceil(len(others) / count)
        parts = [others[i : i + size] for i in range(0, len(others), size)]
        if all(_width(table, [*shown, *part]) <= room for part in parts):
            break
    if len(parts) == 1:
        return [table]
    return [
        table.only([*named, *part])._replace(title=f"{table.title} ({i} of {len(parts)})")
        for i, part in enumerate(parts, 1)
    ]


def _width(table: Table, columns: Sequence[int]) -> int:
    return sum(widths(table, columns)) + GAP * (len(columns) - 1)
