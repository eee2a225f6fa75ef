"""Append-only JSON lines that survive a kill, and in which no changed byte goes unnoticed.

What is appended is flushed to the disk before `append` returns. A kill can only cut the last line,
which is then dropped, aloud, when the file is next read. Each line ends with a hash of all that
stands before that hash, the lines above included: whatever is changed, left out or moved breaks the
chain, and is refused. A finished recording ends with a line that says how many stand above it.
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from haqa_bench import disk
from haqa_bench.documents import JsonObject, read_bytes
from haqa_bench.errors import HaqaError
from haqa_bench.store import manifest

log = logging.getLogger(__name__)
END = "end"
"""The kind of the last line of a finished recording."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False)
_CHAINED = re.compile(rb'(?s)(.*), "chain": "([0-9a-f]{64})"\}\n')
_RESTORE = "Restore the file, or delete it to start over"


class Journal:
    """A file of JSON objects, one a line. `entries` are those that are in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.entries = path, list[JsonObject]()
        self._chain, self._size = "", 0
        if path.is_file():
            data = _whole(path)
            self.entries = list(_read(path, data))
            self._chain, self._size = _last_chain(data), len(data)

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Adds entries, in one go; they are on the disk when this returns.

        Raises:
            HaqaError: the disk takes none, and the file is as it was; or something else has written
            to it.
            ValueError: an entry is no JSON.
        """
        lines, chain = _chained(map(_ENCODER.encode, entries), self._chain)
        with disk.faults(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                if file.tell() != self._size:
                    raise HaqaError(self.path, "is being written by something else", "End that one")
                try:
                    _write(file.fileno(), lines)
                except OSError:
                    file.truncate(self._size)
                    raise
        self.entries += [dict(entry) for entry in entries]
        self._chain, self._size = chain, self._size + len(lines)


def read_lines(path: Path) -> list[JsonObject]:
    """The JSON objects of a file, which must be whole; without the end of a finished one.

    Raises:
        HaqaError: unreadable, not what the project's manifest says, or a line is no JSON object or
        not what was written; names it.
    """
    entries = _all(path)
    return entries[:-1] if _has_end(entries) else entries


def read_finished(path: Path) -> list[JsonObject]:
    """As `read_lines`, of a recording that was finished.

    Raises:
        HaqaError: as there, or it has no end.
    """
    entries = _all(path)
    if not _has_end(entries):
        todo = "Record it again, or restore the file"
        raise HaqaError(path, "was never finished: its last line is no end", todo)
    return entries[:-1]


def _all(path: Path) -> list[JsonObject]:
    data = read_bytes(path)
    manifest.verify(path, data)
    return list(_read(path, data))


def _has_end(entries: list[JsonObject]) -> bool:
    return bool(entries) and entries[-1].get("kind") == END


def finished(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """A finished recording of some entries: chained, with an end that counts them."""
    lines = [_ENCODER.encode(entry) for entry in entries]
    lines.append(_ENCODER.encode({"kind": END, "lines": len(lines)}))
    return _chained(lines, "")[0]


def continued(path: Path) -> bytes:
    """A finished recording without its end, as it was before it ended."""
    data = read_bytes(path)
    return data[: data.rfind(b"\n", 0, -1) + 1]


def unchained(path: Path) -> list[JsonObject]:
    """The JSON objects of a file of the version before, which has no chain.

    Raises:
        HaqaError: unreadable, or a line is no JSON object, or has a hash: it is of no such file,
        but damaged; names it.
    """
    lines = read_bytes(path).splitlines(keepends=True)
    entries = [_entry(path, number, line) for number, line in enumerate(lines, 1)]
    for number, entry in enumerate(entries, 1):
        if "chain" in entry or entry.get("kind") == END:
            raise HaqaError(f"{path}:{number}", "damaged: only some lines have hashes", _RESTORE)
    return entries


def is_chained(path: Path) -> bool:
    """Whether a file's first line has the hash that it ends with since format 2."""
    return bool(_CHAINED.fullmatch(read_bytes(path).partition(b"\n")[0] + b"\n"))


def _chained(lines: Iterable[str], chain: str) -> tuple[bytes, str]:
    """Lines of JSON with their hashes, and the last of these."""
    chained = []
    for line in lines:
        # half of a character that stands for two, which models do write, as the escape that it was
        body = line.removesuffix("}").encode("utf-8", "backslashreplace")
        chain = _next(chain, body)
        chained.append(body + f', "chain": "{chain}"}}\n'.encode())
    return b"".join(chained), chain


def _next(chain: str, body: bytes) -> str:
    return hashlib.sha256(chain.encode() + body).hexdigest()


def _last_chain(data: bytes) -> str:
    found = _CHAINED.fullmatch(data[data.rfind(b"\n", 0, -1) + 1 :])
    return found[2].decode() if found else ""


def _whole(path: Path) -> bytes:
    """A file's whole lines; a last one that was cut is dropped from the disk too."""
    data = read_bytes(path)
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        cut = len(data) - len(whole)
        log.warning("%s: dropped its last line, which was cut off (%d bytes)", path, cut)
        with disk.faults(path), path.open("r+b") as file:
            file.truncate(len(whole))
    return whole


def _read(path: Path, data: bytes) -> Iterator[JsonObject]:
    """Each entry, whose line must end with the hash that it gives."""
    chain = ""
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        found = _CHAINED.fullmatch(line)
        where = f"{path}:{number}"
        if found is None:
            _entry(path, number, line)
            todo = "If it is of an earlier version: haqa-bench check --seal"
            raise HaqaError(where, "a line without the hash that ends it", todo)
        chain = _next(chain, found[1])
        if chain != found[2].decode():
            what = "damaged line, not what was written here: the hash that ends it is another's"
            raise HaqaError(where, what, _RESTORE)
        yield _entry(path, number, found[1] + b"}\n")


def _entry(path: Path, number: int, line: bytes) -> JsonObject:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict) or not line.endswith(b"\n"):
        raise HaqaError(f"{path}:{number}", "damaged line, not a whole JSON object", _RESTORE)
    return entry


def _write(handle: int, data: bytes) -> None:
    """All of `data`, flushed."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)
