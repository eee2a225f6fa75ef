"""The memory that a kernel in the sandbox works on, held from outside.

Each buffer lies between two guard zones of random bytes. The kernel can write to all of it, at any
time; so it is looked at, and compared with copies that only this side has, while the sandbox is
stopped.
"""

import fcntl
import os
from collections.abc import Sequence
from mmap import PAGESIZE, mmap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.backends.workers.frame import Refused
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel.worker.problems import Array, Problem

GUARD = 2 * PAGESIZE
TINY = 1e-30
"""An error that is none: smaller than what float32 holds at full precision."""


class Part(NamedTuple):
    """A buffer: where it begins in the arena, and its size, in bytes."""

    at: int
    size: int


class Slot(NamedTuple):
    """The buffers of one launch."""

    inputs: tuple[Part, ...]
    output: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of them, in the order of the kernel's arguments."""
        return (*self.inputs, self.output)


class Arena:
    """Shared memory with room for `copies` launches of each problem, in that order, and for `read`
    bytes of ones that are only read.
    """

    def __init__(self, problems: Sequence[Problem], copies: Sequence[int], read: int) -> None:
        self._guard = np.frombuffer(os.urandom(GUARD), np.uint8)
        self._guards: list[int] = []
        self.size = 0
        self.slots = [
            [self._slot(posed) for _ in range(count)]
            for posed, count in zip(problems, copies, strict=True)
        ]
        self.read = self._part(read)
        self.file = os.memfd_create("arena", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.ftruncate(self.file, self.size)
        # else the sandbox could cut it, and reading it here would end this process
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, seals)
        self._bytes = np.frombuffer(mmap(self.file, self.size), np.uint8)
        for at in self._guards:
            self._bytes[at : at + GUARD] = self._guard
        self.array(self.read).view(np.float32)[:] = 1

    def _slot(self, posed: Problem) -> Slot:
        sizes = [*(values.nbytes for values in posed.inputs), posed.expected.size * 4]
        parts = [self._part(size) for size in sizes]
        return Slot(tuple(parts[:-1]), parts[-1])

    def _part(self, size: int) -> Part:
        """A buffer on a page's begin, between two guards."""
        part = Part(self.size + GUARD, size)
        self._guards += [self.size, part.at + size]
        self.size = -(-(part.at + size + GUARD) // PAGESIZE) * PAGESIZE
        return part

    def fill(self, slot: Slot, posed: Problem) -> None:
        """Puts inputs in place, and NaN where the output belongs."""
        for part, values in zip(slot.inputs, posed.inputs, strict=True):
            self.array(part)[:] = _raw(values)
        self._output(slot)[:] = np.nan

    def error(self, slot: Slot, posed: Problem, tolerance: float) -> float:
        """The largest error of an output, as a share of the largest value expected.

        Raises:
            Refused: it is too large, or more than the output was written.
        """
        self._check_intact(slot, posed)
        found, expected = self._output(slot), posed.expected.ravel()
        missing = int(np.isnan(found).sum())
        largest = float(np.max(np.abs(expected)))
        off = float(np.max(np.abs(found - expected)))
        if missing or not off <= tolerance * largest + TINY:
            share = f"{off / largest:.2e}" if largest else f"{off:.2e}"
            said = f"largest error {share} of the largest value, allowed {tolerance:.0e}"
            nans = f"{missing} of {found.size} values are NaN or were not written; "
            raise Refused(f"{nans if missing else ''}{said}", Status.WRONG_OUTPUT)
        return off / largest if largest else 0.0

    def _check_intact(self, slot: Slot, posed: Problem) -> None:
        for part, values in zip(slot.inputs, posed.inputs, strict=True):
            if not np.array_equal(self.array(part), _raw(values)):
                raise Refused("it changed its inputs", Status.WRONG_OUTPUT)
        for at in self._guards:
            if not np.array_equal(self._bytes[at : at + GUARD], self._guard):
                raise Refused("it wrote beside its buffers", Status.WRONG_OUTPUT)

    def check_elsewhere(self, unused: Sequence[Slot]) -> None:
        """Looks at slots that were never filled, and at what is only read.

        Raises:
            Refused: something was written there.
        """
        empty = (self.array(part) for slot in unused for part in slot.parts)
        if any(part.any() for part in empty) or (self.array(self.read).view(np.float32) != 1).any():
            raise Refused("it wrote beside its buffers", Status.WRONG_OUTPUT)

    def array(self, part: Part) -> NDArray[np.uint8]:
        """The bytes of a buffer."""
        return self._bytes[part.at : part.at + part.size]

    def _output(self, slot: Slot) -> NDArray[np.float32]:
        return self.array(slot.output).view(np.float32)


def _raw(values: Array) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)
