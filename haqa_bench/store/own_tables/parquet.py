"""Parquet files, as pandas, Polars and DuckDB write them."""

from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from haqa_bench.errors import HaqaError
from haqa_bench.store.own_tables.frame import Frame, lazily

MAGIC = b"PAR1"
FORM = "a Parquet file"


def read(path: Path, data: bytes, sha256: str) -> Frame:
    """The columns of a Parquet file.

    Raises:
        HaqaError: it is damaged.
    """
    try:
        table = parquet.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        what = f"a damaged Parquet file: {str(error).splitlines()[0]}"
        raise HaqaError(path, what, "Write it again") from None
    names, place = table.column_names, partial(_place, path)
    return Frame(path, FORM, sha256, names, lazily(table), table.num_rows, place)


def _place(path: Path, row: int) -> str:
    return f"{path}: row {row + 1}"
