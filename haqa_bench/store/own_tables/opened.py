"""What kind of file it is, by what it holds, and its columns."""

import json
from pathlib import Path

from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.store.kernel_tuner.opened import MOST_BYTES, unpacked
from haqa_bench.store.own_tables import delimited, json_records, parquet
from haqa_bench.store.own_tables.frame import Frame

SQLITE, ZIP = b"SQLite format 3\0", b"PK\x03\x04"
START = 2**16
"""Bytes at which a file is told by."""


def opened(
    path: Path, delimiter: str | None = None, decimal: str = ".", study: str | None = None
) -> Frame | None:
    """The columns of a file; None of what Kernel Tuner or a tuner that writes T4 has written.

    Raises:
        HaqaError: it is no file of measurements, damaged, or too large.
    """
    data = read_bytes(path, MOST_BYTES)
    digest, data = sha256(data), unpacked(path, data)
    if data.startswith(parquet.MAGIC):
        return parquet.read(path, data, digest)
    if data.startswith(ZIP):
        what = "is a packed file, such as a spreadsheet"
        raise HaqaError(path, what, "Save the sheet as CSV")
    if data.startswith(SQLITE) or _is_journal(data):
        from haqa_bench.store.own_tables import optuna_storage

        return optuna_storage.read(path, data, digest, study)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _json(path, data, digest)
    return delimited.read(path, data, digest, delimiter, decimal)


def _json(path: Path, data: bytes, digest: str) -> Frame | None:
    """JSON lines or a list of objects; any other JSON is another tuner's."""
    first = _parsed(data.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0])
    if isinstance(first, dict) and first and not _is_tuners(first):
        return json_records.read_lines(path, data, digest)
    whole = _parsed(data) if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else None
    return json_records.read_list(path, digest, whole) if isinstance(whole, list) else None


def _is_tuners(found: dict[str, object]) -> bool:
    """Whether it is a whole cache of Kernel Tuner, or T4 results; other files have such columns."""
    return isinstance(found.get("cache"), dict) or isinstance(found.get("results"), list)


def _is_journal(data: bytes) -> bool:
    """Whether it is a journal of Optuna's, whose lines are numbered operations."""
    first = _parsed(data[:START].split(b"\n", 1)[0])
    return isinstance(first, dict) and {"op_code", "worker_id"} <= first.keys()


def _parsed(data: bytes) -> object:
    """What JSON says; None of what is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
