"""A table as CSV."""

import csv
import io

from haqa_bench.report.tables.table import Table, Value, row_id

PRINTED = "{}, printed"
"""What the heading of a column of numbers becomes for its printed text, which stands beside it."""


def comma_separated(table: Table, name: str = "") -> str:
    """A heading line, and no notes. A column that holds numbers has them in full, and its printed
    text beside; each row's id is last, to which a heading is added for a number's.
    """
    numeric = [table.numeric(i) for i in range(len(table.columns))]
    heads = [
        part
        for column, numbers in zip(table.columns, numeric, strict=True)
        for part in ([column.name, PRINTED.format(column.name)] if numbers else [column.name])
    ]
    rows = [
        [part for found, n in zip(row, numeric, strict=True) for part in _parts(found, n)]
        for row in table.rows
    ]
    if table.keys:
        heads.append("id")
        for row, key in zip(rows, table.keys, strict=True):
            row.append(row_id(name, key))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([heads, *rows])
    return out.getvalue()


def _parts(found: Value, numbers: bool) -> list[str]:
    if not numbers:
        return [found.text]
    ends = [x for x in (found.low, found.high) if x is not None]
    full = [found.number] if found.number is not None else ends
    return [" to ".join(map(repr, full)), found.text]
