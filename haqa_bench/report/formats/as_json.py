"""A table as JSON: numbers in full, and beside each its printed text."""

import json

from haqa_bench.report.tables.table import Column, Key, Table, Value, id_of, row_id

FORMAT = 2
"""Counts up where a reader of the last would stumble."""


def as_json(table: Table, name: str = "") -> str:
    """One JSON object: name, title, columns with what they hold, rows with, for each column,
    number, unit, low, high, std, n, source, text and id, and notes.
    """
    keys: list[Key | None] = [*table.keys] or [None] * len(table.rows)
    told = {
        "format": FORMAT,
        "name": name,
        "title": table.title,
        "columns": [_column(column) for column in table.columns],
        "rows": [
            {
                "id": row_id(name, key) if key else "",
                "values": {
                    column.name: _value(found, id_of(name, key, column.name) if key else "")
                    for column, found in zip(table.columns, row, strict=True)
                },
            }
            for key, row in zip(keys, table.rows, strict=True)
        ],
        "notes": table.remarks,
    }
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "unit": column.unit,
        "digits": column.digits,
        "about": column.about,
        "role": column.role,
    }


def _value(found: Value, called: str) -> dict[str, object]:
    facts: dict[str, object] = {
        "number": found.number,
        "unit": found.unit,
        "low": found.low,
        "high": found.high,
        "std": found.std,
        "n": found.n,
        "source": found.source,
    }
    return facts | {"text": found.text, "id": called if found.text else ""}
