"""Writing a file so that its place holds the old one or the new one, whatever happens meanwhile.

What is new is written beside its place, flushed to the disk, and renamed. Only journals grow where
they lie (haqa_bench.store.journal).
"""

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from haqa_bench import shipped
from haqa_bench.errors import HaqaError

TODO = "Make room, or name a place that can be written"


def write(path: Path, data: bytes | str) -> Path:
    """Writes a file whole, text as UTF-8, with the folders above it; its path. A device or pipe,
    such as /dev/stdout, is written to.

    Raises:
        HaqaError: it is a link or a folder, or cannot be written; what was there is still there.
    """
    text = data.encode() if isinstance(data, str) else data
    with faults(path):
        if _is_stream(path):
            with path.open("wb") as stream:
                stream.write(text)
            return path
    with written(path) as partial, partial.open("wb") as file:
        file.write(text)
    return path


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file beside `path` for a library to write; it takes the place of `path` at the end, and is
    removed where the library fails.

    Raises:
        HaqaError: as `write`.
    """
    if path.is_symlink():
        raise HaqaError(path, "is a link", "Name the file that it leads to, or remove the link")
    if path.resolve().is_relative_to(shipped.PACKAGED):
        what = "belongs to the installed haqa-bench, where nothing is written"
        raise HaqaError(path, what, "Work in a folder of your own")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        try:
            yield partial
            swap(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    """Removes what killed processes of this machine left beside `path`."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.partial*"):
        number = left.name.removeprefix(f"{path.name}.").partition(".")[0]
        if number.isdecimal() and not _runs(int(number)):
            left.unlink(missing_ok=True)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def swap(partial: Path, path: Path) -> None:
    """Puts a file that was written beside `path`, or a folder, in its place; the name is on the
    disk when this returns.
    """
    if partial.is_file():
        _flush(partial)
    partial.replace(path)
    _flush(path.parent)


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Tells what the system refuses to do with `path` in one clear line.

    Raises:
        HaqaError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise HaqaError(path, error.strerror or str(error), TODO) from None


def held(lock: Path, fault: HaqaError) -> FileLock:
    """A lock that one process holds at a time, held: until it is released, or the process ends.

    Raises:
        HaqaError: `fault`, where another holds it; or the lock's file cannot be made.
    """
    with faults(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        found = FileLock(lock, thread_local=False)
        try:
            found.acquire(timeout=0)
        except Timeout:
            raise fault from None
    return found


def _is_stream(path: Path) -> bool:
    within = path.is_relative_to("/dev")  # /dev/stdout may lead to a file
    return path.exists() and not path.is_dir() and (within or not path.is_file())


def _flush(path: Path) -> None:
    """Flushes a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that flushes no folders
            raise
    finally:
        os.close(handle)
