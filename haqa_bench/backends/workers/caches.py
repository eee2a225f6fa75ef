"""Empties a CPU's caches of what a kernel works on, so that it comes from memory, as weights do
between two tokens.

Where the processor can, each line of it is flushed (x86: `clflushopt`), which takes a millisecond
for some megabytes. Elsewhere other memory is read, twice as much as the largest cache, which takes
a tenth of a second where that cache is a server's.
"""

import ctypes
import mmap
import platform
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[Any]
Flush = Callable[[Bytes], None]

FEWEST = 128 * 2**20
"""Four times the last-level cache of a part of most servers' processors."""
FORGETTING = 64 * 2**20
"""Bytes that are read where lines are flushed: more pages than a processor keeps addresses of, and
more than its private caches hold.
"""
LINE = 64
FOLDER, CPU_INFO = Path("/sys/devices/system/cpu/cpu0/cache"), Path("/proc/cpuinfo")
FLUSHING = bytes.fromhex("660fae3f 4883c740 4839f7 72f3 0faef0 c3")
"""clflushopt [rdi]; add rdi, 64; cmp rdi, rsi; jb back to the first; mfence; ret."""


def evicting_bytes(folder: Path = FOLDER) -> int:
    """Bytes: twice the largest cache that Linux tells of, and FEWEST at least."""
    sizes = [
        int(size) * 2**10
        for path in folder.glob("index*/size")
        if (size := path.read_text().strip().removesuffix("K")).isdigit()
    ]
    return max([FEWEST, *(2 * size for size in sizes)])


@cache
def flush() -> Flush | None:
    """What flushes the lines of an array that lies in one piece; None where the processor has no
    such instruction, or the system lets nobody call it.
    """
    flags = CPU_INFO.read_text().split() if CPU_INFO.is_file() else []
    if platform.machine() != "x86_64" or "clflushopt" not in flags:
        return None
    try:
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:  # memory may not be both written and called
        return None
    return _Flush(code)


class _Flush:
    """Calls instructions that lie in memory of ours."""

    def __init__(self, memory: mmap.mmap) -> None:
        memory.write(FLUSHING)
        self._memory = ctypes.c_char.from_buffer(memory)  # which keeps it
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
        self._lines = kind(ctypes.addressof(self._memory))

    def __call__(self, values: Bytes) -> None:
        if values.nbytes:
            begin = values.ctypes.data
            self._lines(begin // LINE * LINE, begin + values.nbytes)


def on_pages(size: int) -> NDArray[np.uint8]:
    """So many bytes, at least one, that begin where a page does."""
    return np.frombuffer(mmap.mmap(-1, max(1, size)), np.uint8, size)


class Caches:
    """A CPU's caches, which are emptied of arrays by reading `bytes` of other memory, and by
    flushing them, where that can be done and `flushes` allows it: it helps nothing where a kernel
    works on copies.
    """

    def __init__(self, flushes: bool = True) -> None:
        self._flush = flush() if flushes else None
        self.bytes = FORGETTING if self._flush else evicting_bytes()

    @property
    def how(self) -> str:
        """How they are emptied, in words."""
        read = f"{self.bytes // 2**20} MiB of other memory read"
        return f"{read}, then lines flushed" if self._flush else read

    @cached_property
    def _other(self) -> NDArray[np.float64]:
        return np.ones(self.bytes // 8)

    def empty(self, *arrays: Bytes) -> None:
        """Reads other memory, then flushes arrays, each of which lies in one piece."""
        self._other.max()
        self.flush(*arrays)

    def flush(self, *arrays: Bytes) -> None:
        """Flushes arrays, where that can be done."""
        if self._flush:
            for values in arrays:
                self._flush(values)
