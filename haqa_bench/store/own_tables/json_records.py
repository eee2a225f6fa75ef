"""JSON lines, one object a row; or one list of such objects."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from haqa_bench.documents import JsonObject, decoded
from haqa_bench.errors import HaqaError
from haqa_bench.store.own_tables.frame import Column, Frame, Nested, of_values

LINES, LIST = "JSON lines", "a JSON list"


class _Rows(NamedTuple):
    """Objects, and the line of each; none where they stand in one list."""

    objects: Sequence[JsonObject]
    lines: Sequence[int]


def read_lines(path: Path, data: bytes, sha256: str) -> Frame:
    """The columns of JSON lines: every key that occurs.

    Raises:
        HaqaError: a line is no object; names it.
    """
    objects, lines = [], []
    for line, text in enumerate(decoded(path, data).split("\n"), 1):
        if text.strip():
            objects.append(_object(f"{path}:{line}", text))
            lines.append(line)
    return _frame(path, LINES, sha256, _Rows(objects, lines))


def read_list(path: Path, sha256: str, found: Sequence[object]) -> Frame:
    """The columns of a list of objects.

    Raises:
        HaqaError: an entry is none; names it.
    """
    objects = [_checked(f"{path}: [{number}]", value) for number, value in enumerate(found)]
    return _frame(path, LIST, sha256, _Rows(objects, ()))


def _object(where: str, text: str) -> JsonObject:
    try:
        return _checked(where, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise HaqaError(where, f"not JSON: {str(error).splitlines()[0]}") from None


def _checked(where: str, found: object) -> JsonObject:
    if isinstance(found, dict):
        return found
    raise HaqaError(where, "is no JSON object", "Write one object for each configuration")


def _frame(path: Path, form: str, sha256: str, rows: _Rows) -> Frame:
    names = list(dict.fromkeys(name for found in rows.objects for name in found))
    columns = [partial(_column, rows.objects, name) for name in names]
    return Frame(path, form, sha256, names, columns, len(rows.objects), partial(_place, path, rows))


def _column(objects: Sequence[JsonObject], name: str) -> Column:
    return of_values([_flat(found.get(name)) for found in objects])


def _flat(value: object) -> object:
    if isinstance(value, list | dict):
        return Nested(json.dumps(value))
    if isinstance(value, str):  # JSON may have halves of surrogate pairs, which are no characters
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _place(path: Path, rows: _Rows, row: int) -> str:
    return f"{path}:{rows.lines[row]}" if rows.lines else f"{path}: [{row}]"
