"""A short table in parts, where a page has no room for all of its columns and none is to be left
out.
"""

from collections.abc import Sequence

from haqa_bench.report.tables.short import GAP, widths
from haqa_bench.report.tables.table import Table


def parted(table: Table, room: int) -> list[Table]:
    """The table in as many parts as it takes for each, in its short form, to be no wider than so
    many characters; a column that alone is wider has a part of its own. What names a row stands in
    every part.
    """
    every = range(len(table.columns))
    named = [i for i in every if table.columns[i].role == "key"]
    shown = [i for i in named if table.columns[i].place == "row"]
    others = [i for i in every if i not in named and table.columns[i].place == "row"]
    parts: list[list[int]] = []
    for column in others:
        if parts and _width(table, [*shown, *parts[-1], column]) <= room:
            parts[-1].append(column)
        else:
            parts.append([column])
    if len(parts) <= 1:
        return [table]
    return [
        table.only([*named, *part])._replace(title=f"{table.title} ({i} of {len(parts)})")
        for i, part in enumerate(parts, 1)
    ]


def _width(table: Table, columns: Sequence[int]) -> int:
    return sum(widths(table, columns)) + GAP * (len(columns) - 1)
