"""A file's columns, whatever the file: each as its distinct values and a code for every row.

Most columns of measurements have few values, so that what is asked of a value is asked once, and a
file of a million rows is read in seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haqa_bench.errors import HaqaError, nearest

Direction = Literal["maximize", "minimize"]
Codes = npt.NDArray[np.int64]


class Nested(str):
    """A list or an object in a cell of a file, as text: it is no value."""


class Column(NamedTuple):
    """Distinct values, as the file has them, in the order in which they occur, and of each row the
    number of its value.
    """

    values: Sequence[object]
    codes: Codes


class Frame(NamedTuple):
    """A file. `place` says where a row stands, as an error begins; `columns` are read when they
    are asked for. `parameters`, `metrics` and `repeats` are what the file itself calls so.
    """

    path: Path
    form: str
    sha256: str
    names: Sequence[str]
    columns: Sequence[Callable[[], Column]]
    rows: int
    place: Callable[[int], str]
    parameters: Sequence[str] = ()
    metrics: Mapping[str, Direction] = MappingProxyType({})
    """Direction by name."""
    status: str | None = None
    repeats: str | None = None

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            HaqaError: there is none, or there are two.
        """
        found = [n for n, known in enumerate(self.names) if known == name]
        if len(found) == 1:
            return self.columns[found[0]]()
        if found:
            numbers = " and ".join(str(n + 1) for n in found[:2])
            what = f"two columns are called '{name}', the columns {numbers}"
            raise HaqaError(self.path, what, "Rename one of them")
        raise HaqaError(self.path, f"no column '{name}'", nearest(name, self.names))


def of_arrow(array: pa.ChunkedArray) -> Column:
    """A column of Arrow."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_nested(array.type):
        return of_values([Nested(value) for value in array.to_pylist()])
    if pa.types.is_null(array.type):
        return Column([None], np.zeros(len(array), np.int64))
    try:
        coded = array.combine_chunks().dictionary_encode(null_encoding="encode")
    except pa.ArrowNotImplementedError:  # some types, such as views of text in early versions
        return of_values(array.to_pylist())
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return Column(coded.dictionary.to_pylist(), codes)


def of_values(values: Sequence[object]) -> Column:
    """A column of Python's values; 1, 1.0 and True are three, NaN is one."""
    known: dict[tuple[type, object], int] = {}
    codes = np.empty(len(values), np.int64)
    for row, value in enumerate(values):
        same = "nan" if value != value else value
        codes[row] = known.setdefault((type(value), same), len(known))
    return Column([float("nan") if s == "nan" and k is float else s for k, s in known], codes)


def lazily(table: pa.Table) -> Sequence[Callable[[], Column]]:
    """The columns of a table of Arrow."""
    return [partial(of_arrow, table.column(number)) for number in range(table.num_columns)]
