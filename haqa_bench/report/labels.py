"""The names that a suite gives its methods, models and hardware for readers.

Ids, CSV and JSON keep the names that the program knows; all else that people read has labels.
"""

import re
from collections.abc import Mapping

from haqa_bench.report.tables.table import Table, words

BIT_WIDTH = "bit-width"
"""The slug of the column of a cell's bit-width."""


def label(labels: Mapping[str, str], name: str) -> str:
    """What readers call a method, a model or a device."""
    return labels.get(name, name)


def labelled(table: Table) -> Table:
    """A table with its labels in place of names: in headings, in what names its rows, and in what
    stands below it.
    """
    table = _spelled_out(table)
    if not table.labels:
        return table
    known = table.labels
    keys = {i for i, column in enumerate(table.columns) if column.role == "key"}
    return table._replace(
        columns=[c._replace(name=label(known, c.name)) if c.method else c for c in table.columns],
        rows=[
            [
                words(label(known, v.text)) if i in keys and not v.known else v
                for i, v in enumerate(row)
            ]
            for row in table.rows
        ],
        notes=[said(known, note) for note in table.notes],
        details=[said(known, note) for note in table.details],
    )


def _spelled_out(table: Table) -> Table:
    """With what is in the file of each row's cell, beside its bit-width."""
    places = [i for i, c in enumerate(table.columns) if c.slug == BIT_WIDTH and c.role == "key"]
    if not places or not table.spelled or not table.keys:
        return table
    rows = [
        [words(table.spelled.get(key.cell, v.text)) if i in places else v for i, v in enumerate(r)]
        for key, r in zip(table.keys, table.rows, strict=True)
    ]
    return table._replace(rows=rows)


def said(labels: Mapping[str, str], text: str) -> str:
    """A text with labels in place of names that stand for themselves, not as parts of ids."""
    if not labels:
        return text
    names = "|".join(re.escape(name) for name in sorted(labels, key=len, reverse=True))
    return re.sub(rf"(?<![\w./-])({names})(?![\w/-]|\.\w)", lambda m: labels[m[1]], text)
