"""What all workers of a run have in common, such as its response tables, held in memory once.

It is written to a file that has no name, whose large parts the workers map into their memory: a
second worker adds next to nothing, and whatever is killed leaves nothing behind.
"""

import mmap
import os
import pickle
import tempfile
from collections.abc import Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from haqa_bench import disk

T = TypeVar("T")
ALIGNED = 64
"""Where each part begins is a multiple of this many bytes, as numerical libraries like it."""


class Part(NamedTuple):
    """Where a part of the file lies, in bytes."""

    start: int
    size: int


class Shared(Generic[T]):
    """A value that goes to processes as they are started."""

    value: T
    """There. It is not kept here."""

    def __init__(self, value: T) -> None:
        """Raises HaqaError where there is no room for it."""
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        with disk.faults(Path(tempfile.gettempdir())):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open while workers are started
            parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
            self._parts = [self._written(part) for part in parts]
            self._file.truncate(max(self._file.tell(), 1))
            self._file.flush()

    def _written(self, part: memoryview) -> Part:
        start = -(-self._file.tell() // ALIGNED) * ALIGNED
        self._file.seek(start)
        self._file.write(part)
        return Part(start, part.nbytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (DupFd(self._file.fileno()), self._parts)


def _opened(handle: Any, parts: Sequence[Part]) -> Shared[Any]:
    """In another process: the large parts, which nobody can change there, stay in the file."""
    number = handle.detach()
    try:
        mapped = memoryview(mmap.mmap(number, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(number)
    head, *buffers = (mapped[one.start : one.start + one.size] for one in parts)
    found = Shared[Any].__new__(Shared)
    found.value = pickle.loads(head, buffers=buffers)
    return found
