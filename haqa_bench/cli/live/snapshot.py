"""A run that is being written, as it stands: a copy of what is whole of its journals, with a
database of its own. Nothing is written into the run's folder, and its lock is not touched.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.project import Run, open_run, suite_of
from haqa_bench.run.header import fixed
from haqa_bench.store import database, failures

PARTS = (database.LOCK, database.NAME, failures.NAME, "journal/*/*.jsonl", "confirmed/*/*.jsonl")


def state(folder: Path, beside: Sequence[Path] = ()) -> str:
    """What tells that something of a run has changed, or of files beside it: names, sizes and
    times.
    """
    paths = [*_files(folder), *beside]
    return sha256(repr([(str(path), _stat(path)) for path in paths]).encode())


@contextmanager
def readable(folder: Path) -> Iterator[Run]:
    """The run in `folder`: its own database where that is the newest there is, else one of what its
    journals hold by now.

    Raises:
        HaqaError: it has no trial yet, is damaged, or was removed meanwhile.
    """
    if not _behind(folder):
        with open_run(folder) as run:
            yield run
        return
    with TemporaryDirectory() as place:
        copy = Path(place) / folder.resolve().parent.name / folder.resolve().name
        _copy(folder, copy)
        database.build(copy, fixed(suite_of(copy)))
        with open_run(copy) as run:
            yield run


def _files(folder: Path) -> list[Path]:
    return sorted(path for part in PARTS for path in folder.glob(part))


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:  # removed, or replaced, since it was listed
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _behind(folder: Path) -> bool:
    """Whether a run's database lacks something that its journals have, or is not there."""
    built = _stat(folder / database.NAME)[1]
    return not built or any(
        _stat(path)[1] > built for path in _files(folder) if path.suffix == ".jsonl"
    )


def _copy(folder: Path, copy: Path) -> None:
    """Copies the lock, and of each journal its whole lines, where there are two: head and trial."""
    found = 0
    for path in (p for p in _files(folder) if p.name != database.NAME):
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".jsonl":
            shutil.copyfile(path, target)
            continue
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole.count(b"\n") >= 2:
            target.write_bytes(whole)
            found += path.is_relative_to(folder / "journal")
    if not found:
        raise HaqaError(folder, "there is no trial yet", "Wait for the first one")
