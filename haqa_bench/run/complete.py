"""Whether a run is complete: what its folder held when its last study had ended.

A marker names the sizes and hashes of all journals, so that a finished replay is printed again
without being run again, and a changed one is not.
"""

import hashlib
import json
from pathlib import Path

from haqa_bench import __version__, disk
from haqa_bench.documents import read_bytes
from haqa_bench.store import database, failures

NAME = "complete.json"


def mark(folder: Path) -> None:
    """Says that all studies of the run in `folder` have ended, and its database is built."""
    disk.write(folder / NAME, json.dumps(_held(folder)) + "\n")


def is_complete(folder: Path) -> bool:
    """Whether the run in `folder` had ended without failures, and nothing in it has changed
    since.
    """
    marker = folder / NAME
    if not marker.is_file() or not (folder / database.NAME).is_file():
        return False
    if (folder / failures.NAME).exists():
        return False
    built = (folder / database.NAME).stat().st_mtime_ns
    journals = _journals(folder)
    if any(path.stat().st_mtime_ns > built for path in journals):
        return False
    return marker.read_text("utf-8") == json.dumps(_held(folder)) + "\n"


def _sha256(path: Path) -> str:
    """Of a file of any size: the database of a million trials is large."""
    with disk.faults(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changed_since(folder: Path) -> str:
    """What is wrong with the studies of a run, in words: they did not all end, or a journal is not
    what it was then; empty where nothing is.
    """
    marker = folder / NAME
    if not marker.is_file():
        return "was never finished"
    held = json.loads(read_bytes(marker))["journals"]
    for path in _journals(folder):
        if held.get(path.relative_to(folder).as_posix()) != _seen(path):
            return f"has changed since it ended: {path.relative_to(folder).as_posix()}"
    return ""


def _seen(path: Path) -> list[object]:
    return [path.stat().st_size, _sha256(path)]


def _journals(folder: Path) -> list[Path]:
    return sorted([*folder.glob("journal/*/*.jsonl"), *folder.glob("confirmed/*/*.jsonl")])


def _held(folder: Path) -> dict[str, object]:
    journals = {path.relative_to(folder).as_posix(): _seen(path) for path in _journals(folder)}
    made = {name: _sha256(folder / name) for name in (database.LOCK, database.NAME)}
    return {"haqa_bench": __version__, "journals": journals, **made}
