"""Bounds of tables, checked before one is read: a small Parquet file may stand for much."""

from pathlib import Path

from haqa_bench.errors import HaqaError
from haqa_bench.packs.archive import MOST_BYTES, TODO

MOST_ROWS = 2_000_000
MOST_VALUES = 20_000_000
"""Of a column, samples of all rows together."""


def check_table(path: Path) -> None:
    """Raises HaqaError for a table with more rows, values or letters than a pack may have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            told = file.metadata
            groups = [told.row_group(number) for number in range(told.num_row_groups)]
            columns = [g.column(number) for g in groups for number in range(g.num_columns)]
            _bounded(path, "rows", told.num_rows, MOST_ROWS)
            _bounded(path, "values", max((c.num_values for c in columns), default=0), MOST_VALUES)
            size = sum(column.total_uncompressed_size for column in columns)
            _bounded(path, "bytes", size, MOST_BYTES)
        _bounded(path, "letters", _letters(path), MOST_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise HaqaError(path, f"not a Parquet file: {error}".splitlines()[0], TODO) from None


def _letters(path: Path) -> int:
    """Letters of the columns of text, each word as often as it stands there: one that stands once
    in the file may stand in every row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    names = [field.name for field in schema if pa.types.is_string(field.type)]
    total = 0
    with pq.ParquetFile(path, read_dictionary=names) as file:
        for batch in file.iter_batches(columns=names, use_threads=False):
            for column in batch.columns:
                is_coded = isinstance(column, pa.DictionaryArray)
                told = column if is_coded else column.dictionary_encode()
                lengths = pc.binary_length(told.dictionary).take(told.indices)
                total += pc.sum(lengths).as_py() or 0
    return total


def _bounded(path: Path, what: str, count: int, most: int) -> None:
    if count > most:
        raise HaqaError(path, f"has more than the {most:,} {what} of a table in a pack", TODO)
