"""Text of columns, such as CSV: with commas, semicolons, tabs or bars, quoted or not.

Read by Arrow as text alone: what a value is, the mapping decides. Python's own reader, which is
slow and counts lines, is asked where an error has to name one.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from haqa_bench.documents import decoded
from haqa_bench.errors import HaqaError
from haqa_bench.store.own_tables.frame import Column, Frame, lazily

DELIMITERS = (",", ";", "\t", "|")
FORM = "text of columns"
BLOCK = 2**24
"""Bytes that Arrow looks at in one step; no row may be longer."""
START = 2**20
"""Bytes among which the first line is looked for."""
LONGEST = 2**24
"""Characters of a field that Python's reader takes."""


def read(path: Path, data: bytes, sha256: str, delimiter: str | None, decimal: str) -> Frame:
    """The columns of a text, whose numbers have a point, or the `decimal` mark that is given.

    Raises:
        HaqaError: it is no text, empty, or a row is longer or shorter than the first; names the
        line.
    """
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise HaqaError(f"{path}:{line}", "is no text: it has a NUL byte", "Is it the right file?")
    header = next(_rows(path, _start(data), delimiter or ","), None)
    if header is None:
        raise HaqaError(path, "is empty", "Name a file of measurements, with a line of names first")
    found = delimiter or _delimiter(path, data)
    table = _table(path, data, found)
    names = [name.strip() for name in table.column_names]
    place = partial(_place, path, data, found)
    columns = lazily(table)
    if decimal != ".":
        columns = [partial(_with_points, column, decimal) for column in columns]
    return Frame(path, FORM, sha256, names, columns, table.num_rows, place)


def _with_points(column: Callable[[], Column], decimal: str) -> Column:
    """A column whose numbers have a point where they had another mark."""
    values, codes = column()
    number = re.compile(rf"\s*[+-]?[0-9]*{re.escape(decimal)}[0-9]+([eE][+-]?[0-9]+)?\s*")
    return Column(
        [v.replace(decimal, ".") if number.fullmatch(str(v)) else v for v in map(str, values)],
        codes,
    )


def _delimiter(path: Path, data: bytes) -> str:
    """What parts the first line into the most names."""
    parts = {mark: len(next(_rows(path, _start(data), mark))[1]) for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: parts[mark])


def _table(path: Path, data: bytes, delimiter: str) -> pa.Table:
    names = next(_rows(path, _start(data), delimiter))[1]
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        decoded(path, data)
        raise _uneven(path, data, delimiter, str(error)) from None


def _uneven(path: Path, data: bytes, delimiter: str, said: str) -> HaqaError:
    """The first line that has another number of fields than the names."""
    rows = _rows(path, data, delimiter)
    _, names = next(rows)
    for line, fields in rows:
        if len(fields) != len(names):
            what = f"has {len(fields)} fields, and the first line names {len(names)} columns"
            return HaqaError(f"{path}:{line}", what, "Put text with commas in quotes")
    return HaqaError(path, f"cannot be read: {said.splitlines()[0]}", "Is it the right file?")


def _place(path: Path, data: bytes, delimiter: str, row: int) -> str:
    """file:line of a row of data."""
    for number, (line, _) in enumerate(_rows(path, data, delimiter)):
        if number == row + 1:
            return f"{path}:{line}"
    return str(path)


def _rows(path: Path, data: bytes, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, names included, with the line on which it begins."""
    text = io.StringIO(decoded(path, data), newline="")
    csv.field_size_limit(LONGEST)
    reader, line = csv.reader(text, delimiter=delimiter), 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise HaqaError(f"{path}:{line}", f"cannot be read: {error}") from None


def _start(data: bytes) -> bytes:
    """The first lines of a file."""
    return data if len(data) <= START else data[: data.rfind(b"\n", 0, START) + 1] or data[:START]
