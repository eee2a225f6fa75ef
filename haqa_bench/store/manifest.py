"""What a project has recorded, by hash: MANIFEST.sha256, in the form of `sha256sum`.

Every recording is held against it whenever it is read, so that none is changed, or slipped in,
unnoticed. Whatever records keeps it. A project without one is read as it is.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from haqa_bench import disk
from haqa_bench.documents import read_bytes
from haqa_bench.errors import HaqaError

NAME = "MANIFEST.sha256"
AREAS = (
    "cassettes/**/*.jsonl",
    "paper_tables/*.yaml",
    "results/confirmed/**/*.jsonl",
    "results/pretrained/**/*.json",
    "results/pretrained/**/*.safetensors",
    "results/proposals/**/*.jsonl",
    "results/tables/**/*.parquet",
    "results/trials/**/*.jsonl",
)
"""Where recordings lie, from a project's folder."""
_FOLDERS = tuple(tuple(area.partition("/*")[0].split("/")) for area in AREAS)
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
SEAL = "haqa-bench check --seal"
Hashes = dict[str, tuple[str, ...]]
"""The SHA-256 of each recording, by its path; two while one takes the place of the other."""


class Place(NamedTuple):
    """Where a recording lies: its project's folder, and its path from there."""

    project: Path
    name: str

    @property
    def manifest(self) -> Path:
        """The project's manifest."""
        return self.project / NAME


def place(path: Path) -> Place | None:
    """The place of a recording; None of what lies elsewhere, or is another kind of file."""
    parts = Path(os.path.abspath(path)).parts
    for end in range(len(parts) - 1, 0, -1):
        for folder, area in zip(_FOLDERS, AREAS, strict=True):
            known = parts[max(end - len(folder), 0) : end] == folder
            if known and path.suffix == Path(area).suffix:
                start = end - len(folder)
                return Place(Path(*parts[:start]), "/".join(parts[start:]))
    return None


def verify(path: Path, data: bytes) -> None:
    """Raises HaqaError where `data`, which was read at `path`, is not what was recorded there."""
    here = place(path)
    if here is None or not here.manifest.is_file():
        return
    known = read(here.manifest).get(here.name)
    if known is None:
        what = f"is not in {NAME}: nobody says that it was recorded"
        raise HaqaError(path, what, f"To take it in: {SEAL}")
    if hashlib.sha256(data).hexdigest() not in known:
        what = f"is not what was recorded: its hash is not the one in {NAME}"
        raise HaqaError(path, what, f"Restore it; or, to take it as it is: {SEAL}")


@contextmanager
def recording(path: Path) -> Iterator[Path]:
    """As `disk.written`, for a recording: the manifest knows the new one and the one before until
    the new one is in its place, and then the new one alone.

    Raises:
        HaqaError: it cannot be written; the one before is still there.
    """
    here = place(path)
    with disk.written(path) as partial:
        yield partial
        if here is not None:
            _add(here, hashlib.sha256(partial.read_bytes()).hexdigest())
    if here is not None:
        take(here, path.read_bytes())


def write(path: Path, data: bytes) -> None:
    """Writes a recording, and takes it into the manifest.

    Raises:
        HaqaError: as `recording`.
    """
    with recording(path) as partial:
        partial.write_bytes(data)


def take(here: Place, data: bytes) -> None:
    """Takes a recording into the manifest, in place of what was known of it."""
    with _held(here.project) as known:
        known[here.name] = (hashlib.sha256(data).hexdigest(),)


def read(path: Path) -> Hashes:
    """A manifest.

    Raises:
        HaqaError: it is damaged; names the line.
    """
    changed = path.stat()
    return _parsed(path, changed.st_mtime_ns, changed.st_size)


def found(project: Path) -> Hashes:
    """What lies in the areas of a project, by hash."""
    paths = sorted(path for area in AREAS for path in project.glob(area) if path.is_file())
    return {
        path.relative_to(project).as_posix(): (hashlib.sha256(read_bytes(path)).hexdigest(),)
        for path in paths
    }


def differences(project: Path) -> list[str]:
    """What a project has recorded and its manifest does not list, lists as another, or lists and is
    gone, each in words.

    Raises:
        HaqaError: the manifest is damaged.
    """
    path, there = project / NAME, found(project)
    if not path.is_file():
        return [f"{path}: there is none. Write it with: {SEAL}"] if there else []
    known = read(path)
    told = [f"{name}: is gone" for name in sorted(known.keys() - there.keys())]
    told += [f"{name}: is not listed" for name in sorted(there.keys() - known.keys())]
    both = sorted(known.keys() & there.keys())
    return told + [
        f"{name}: is not what was recorded" for name in both if there[name][0] not in known[name]
    ]


def seal(project: Path) -> None:
    """Takes all that a project has recorded as it is, whatever its manifest says or is."""
    with _alone(project):
        disk.write(project / NAME, _text(found(project)))


_cache: dict[tuple[Path, int, int], Hashes] = {}


def _parsed(path: Path, changed_ns: int, size: int) -> Hashes:
    key = (path, changed_ns, size)
    if key not in _cache:
        _cache.clear()
        _cache[key] = _read(path)
    return _cache[key]


def _read(path: Path) -> Hashes:
    hashes: Hashes = {}
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        matched = _LINE.fullmatch(line.decode("utf-8", "replace"))
        if matched is None and line:
            what = "not a line of a manifest: hash, two spaces, path"
            raise HaqaError(f"{path}:{number}", what, f"Restore it, or: {SEAL}")
        if matched:
            hashes[matched[2]] = (*hashes.get(matched[2], ()), matched[1])
    return hashes


def _add(here: Place, sha256: str) -> None:
    with _held(here.project) as known:
        before = known.get(here.name, ())
        known[here.name] = tuple(dict.fromkeys([*before, sha256]))


@contextmanager
def _held(project: Path) -> Iterator[Hashes]:
    """The hashes of a project, to be changed by one process at a time. Where there is no manifest
    yet, it begins with what is there.
    """
    path = project / NAME
    with _alone(project):
        known = dict(read(path)) if path.is_file() else found(project)
        yield known
        disk.write(path, _text(known))


def _alone(project: Path) -> FileLock:
    return FileLock(project / f".{NAME}.lock")


def _text(known: Mapping[str, tuple[str, ...]]) -> str:
    return "".join(f"{sha256}  {name}\n" for name in sorted(known) for sha256 in known[name])
