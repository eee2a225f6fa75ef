"""Append-only JSON lines that survive a kill.

What is appended is flushed to the disk before `append` returns. A kill can only cut the last line,
which is then dropped, aloud, when the file is next read; a line damaged anywhere else is refused,
since what follows may depend on it.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError

log = logging.getLogger(__name__)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False)


class Journal:
    """A file of JSON objects, one a line. `entries` are those that are in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = _whole_lines(path) if path.is_file() else []

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Adds entries, in one go; they are on the disk when this returns."""
        lines = [_ENCODER.encode(entry) + "\n" for entry in entries]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        self.entries += [dict(entry) for entry in entries]


def read_lines(path: Path) -> list[JsonObject]:
    """The JSON objects of a finished file, which must be whole.

    Raises:
        HaqaError: unreadable, or a line is no JSON object; names it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            lines = list(
                file
            )  # ends at \n alone; str.splitlines would cut at the U+2028 in an LLM's words
    except (OSError, UnicodeDecodeError) as error:
        raise HaqaError(path, str(error)) from None
    return [_entry(path, number, line) for number, line in enumerate(lines, 1)]


def _whole_lines(path: Path) -> list[JsonObject]:
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        log.warning(
            "%s: dropped its last line, which was cut off (%d bytes)", path, len(data) - len(whole)
        )
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return read_lines(path)


def _entry(path: Path, number: int, line: str) -> JsonObject:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict) or not line.endswith("\n"):
        raise HaqaError(
            f"{path}:{number}",
            "damaged line, not a whole JSON object",
            "Restore the file, or delete it to start over",
        )
    return entry
