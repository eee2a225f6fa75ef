"""Response tables: a cell whose whole space was measured once.

A Parquet file of one row per configuration and pass, with the raw samples; its card (what was
measured, on what, when, with which build) is in the file's metadata under `haqa_bench`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, check_format, read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.space import Configuration, SearchSpace
from haqa_bench.store import manifest
from haqa_bench.store.entries import Entries, grouped
from haqa_bench.store.entries import Entry as Entry
from haqa_bench.store.facts import BUILD as BUILD
from haqa_bench.store.facts import installed_build as installed_build
from haqa_bench.store.keys import keys_of
from haqa_bench.trial import TAKEN as TAKEN  # a table's too
from haqa_bench.trial import Source

READINGS = pa.list_(
    pa.struct([("name", pa.string()), ("unit", pa.string()), ("samples", pa.list_(pa.float64()))])
)
FORMAT = 1
"""Of response tables; those without a number are of this one too."""
REPEATED = ["status", "reason", "facts"]
"""The columns of texts that many rows share."""
IMPORTED, IMPORTED_SHA256 = "imported", "imported_sha256"
"""What cards and facts say of another tuner's file, whose numbers a table holds."""
SCHEMA = pa.schema(
    [
        ("configuration", pa.string()),
        ("pass", pa.int32()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("readings", READINGS),
        ("facts", pa.string()),
    ]
)


class ResponseTable(NamedTuple):
    """A measured cell. `entries` by configuration key, `card` says what was measured, `sha256` is
    the file's.
    """

    path: Path
    card: Mapping[str, Any]
    entries: Entries
    sha256: str


def write(path: Path, card: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the rows of a sweep as a response table; swapped in whole."""
    write_columns(path, card, in_columns(rows))


def in_columns(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as columns, ordered by configuration and pass."""
    ordered = sorted(rows, key=lambda r: (r["configuration"], r["pass"]))
    columns = {name: [row[name] for row in ordered] for name in SCHEMA.names}
    columns["facts"] = [json.dumps(facts, sort_keys=True) for facts in columns["facts"]]
    return pa.table(columns, SCHEMA)


def write_columns(path: Path, card: Mapping[str, Any], rows: pa.Table) -> None:
    """Writes rows in the columns of SCHEMA, ordered by configuration and pass, as a response table;
    swapped in whole.
    """
    said = json.dumps({"format": FORMAT, **card}, sort_keys=True)
    table = rows.replace_schema_metadata({"haqa_bench": said})
    with manifest.recording(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def read(path: Path) -> ResponseTable:
    """The response table at `path`.

    Raises:
        HaqaError: missing, damaged, or not a response table.
    """
    data = read_bytes(path)
    manifest.verify(path, data)
    table = _columns(path, data)
    try:
        card = _card(json.loads((table.schema.metadata or {})[b"haqa_bench"]))
        check_format(path, card, FORMAT)
        entries = Entries(table, _source(card))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        what = f"not the rows of a response table: {error}".splitlines()[0]
        raise HaqaError(path, what, "Restore it, or measure it with: haqa-bench tabulate") from None
    return ResponseTable(path, card, entries, sha256(data))


def _columns(path: Path, data: bytes, names: Sequence[str] | None = None) -> pa.Table:
    """Columns of a response table, all where none are named.

    Raises:
        HaqaError: it is none.
    """
    try:
        # Threads may abort a process that ends soon; pq.read_table would import pandas.
        known = pq.read_schema(pa.BufferReader(data))
        if b"haqa_bench" in (known.metadata or {}) and known.equals(SCHEMA):
            file = pq.ParquetFile(
                pa.BufferReader(data), read_dictionary=REPEATED, page_checksum_verification=True
            )
            return file.read(names, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise HaqaError(
            path,
            f"not a Parquet file: {str(error).splitlines()[0]}",
            "Restore it, or measure it with: haqa-bench tabulate",
        ) from None
    raise HaqaError(
        path,
        "a Parquet file, but not a response table",
        "Measure one with: haqa-bench tabulate",
    )


def keys(path: Path, data: bytes) -> pa.Array:
    """The keys of the configurations in the bytes of a table, each once, in their order.

    Raises:
        HaqaError: it is no response table.
    """
    found = _columns(path, data, ["configuration"]).column(0)
    return grouped(found)[0]


def _card(card: object) -> JsonObject:
    if not isinstance(card, dict):
        raise TypeError("its card is no object")
    return card


def _source(card: Mapping[str, Any]) -> Source:
    """Where the numbers of a table come from, as its card says."""
    if IMPORTED in card:
        return Source.IMPORTED
    return Source.SIMULATED if card.get("source") == Source.SIMULATED else Source.REPLAYED


def measured_on(path: Path) -> list[str]:
    """The first and the last day, as YYYY-MM-DD, on which the response table at `path` was
    measured; none where its card does not say. Samples are not read.
    """
    metadata = pq.read_schema(path).metadata or {}
    card = json.loads(metadata.get(b"haqa_bench", b"{}"))
    return [str(day) for day in card.get("measured", ())]


def is_imported(path: Path) -> bool:
    """Whether the response table at `path` holds somebody else's measurements; samples are not
    read.
    """
    metadata = pq.read_schema(path).metadata or {}
    return IMPORTED in json.loads(metadata.get(b"haqa_bench", b"{}"))


def stale(table: ResponseTable) -> str:
    """Why a table no longer says what this machine's llama.cpp would, in words; empty where it
    does, or where none is installed here.
    """
    builds = {facts[BUILD] for facts in table.entries.facts() if BUILD in facts}
    here = installed_build()
    if not here or not builds or builds == {here}:
        return ""
    return (
        f"was measured with llama-cpp-python {', '.join(sorted(builds))}, and {here} is "
        "installed: measure it again, or take it as old"
    )


def check(table: ResponseTable, cell: Cell) -> None:
    """Raises HaqaError when `table` is not a measurement of all of `cell`."""
    todo = "Measure it with: haqa-bench tabulate SUITE"
    measured = table.card.get("workload")
    if table.card.get("cell") != cell.id or not cell.workload.agrees(measured):
        raise HaqaError(
            table.path, f"was measured for another cell or workload than {cell.id}'s now", todo
        )
    if cell.space.recorded:
        _check_pin(table, cell)
        return
    keys = keys_of(cell.space)
    missing = np.flatnonzero(table.entries.places(keys) < 0)
    if len(missing):
        first = keys[int(missing[0])].as_py()
        raise HaqaError(
            table.path,
            f"{len(missing)} of {cell.space.size} configurations are missing, first {first}",
            todo,
        )


def places(table: ResponseTable, space: SearchSpace) -> NDArray[np.intp]:
    """Which entry of a table each configuration of a space is, in the order of the space."""
    return np.arange(len(table.entries)) if space.recorded else table.entries.places(keys_of(space))


def configurations(table: ResponseTable, space: SearchSpace) -> Iterator[Configuration]:
    """Every configuration of a space, in its order; where the table says which those are, its."""
    if not space.recorded:
        yield from space.grid()
        return
    for key in table.entries:
        found = json.loads(key)
        yield {name: found[name] for name in space.root}


def fits(table: ResponseTable, space: SearchSpace) -> bool:
    """Whether a table holds every configuration of a space."""
    if space.recorded:
        pin = space.pin
        return pin is not None and pin.sha256 == table.sha256
    return bool((places(table, space) >= 0).all())


def _check_pin(table: ResponseTable, cell: Cell) -> None:
    """Raises HaqaError where a space holds the configurations of another table."""
    if not fits(table, cell.space):
        what = f"is not the table whose configurations are the space of {cell.id}"
        raise HaqaError(table.path, what, "Run the suite again, or restore the table")
