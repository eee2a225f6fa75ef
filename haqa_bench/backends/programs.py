"""Runs a program of somebody else's within bounds: of time, of what it may say, and of what it may
leave behind (haqa_bench.backends.guard).
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from haqa_bench.backends import guard
from haqa_bench.backends.process import last_line

KEPT = 4_000
"""Bytes of complaints that are kept, the last."""
LOOK_S = 0.25
"""How often the size of an answer's file is looked at."""
ENDING_S = 10.0
Guard = subprocess.Popen[bytes]
"""The process that holds a program."""


class Called(NamedTuple):
    """A program as it is called: its words, where, with which environment, what it reads, and the
    file that it may write.
    """

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    question: Path | None
    answer: Path | None


class Ended(NamedTuple):
    """How a program ended: its exit code, what it wrote, and its last complaint."""

    code: int
    output: bytes
    complaint: str

    @property
    def how(self) -> str:
        """In words."""
        if self.code - 128 in set(signal.Signals):
            return f"ended by {signal.Signals(self.code - 128).name}"
        return f"exit code {self.code}"


class TooMuch(Exception):
    """It said more than it may."""


def run(called: Called, seconds: float, most_bytes: int) -> Ended:
    """What a program says.

    Raises:
        TimeoutError: it takes longer.
        TooMuch: it says more.
    """
    until = time.monotonic() + seconds
    with held(called) as process:
        output, complaints = _said(process, called.answer, until, most_bytes)
        try:
            code = process.wait(max(until - time.monotonic(), 0.0) + LOOK_S)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
    return Ended(code, output, last_line(complaints.decode("utf-8", "replace")))


@contextmanager
def held(called: Called, says: int | IO[bytes] = subprocess.PIPE) -> Iterator[Guard]:
    """The program's guard, which ends it when this block is left, or when this process ends; what
    the program `says` goes to two pipes, or all of it to a file.
    """
    lifeline, kept = os.pipe()
    words = [sys.executable, "-P", guard.__file__, str(lifeline), *called.command]
    source = os.devnull if called.question is None else called.question
    with open(source, "rb") as stdin:
        process = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=says,
            stderr=says,
            cwd=called.folder,
            env=dict(called.environment),
            pass_fds=(lifeline,),
            start_new_session=True,
        )
    os.close(lifeline)
    try:
        yield process
    finally:
        os.close(kept)
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


def _said(process: Guard, answer: Path | None, until: float, most: int) -> tuple[bytes, bytes]:
    """All that it writes to its output, and the last that it complains."""
    said = {"output": b"", "complaints": b""}
    with selectors.DefaultSelector() as pipes:
        for name, pipe in (("output", process.stdout), ("complaints", process.stderr)):
            if pipe is not None:
                pipes.register(pipe, selectors.EVENT_READ, name)
        while pipes.get_map():
            if time.monotonic() > until:
                raise TimeoutError
            for key, _ in pipes.select(LOOK_S):
                data = os.read(key.fd, 65536)
                said[key.data] += data
                if not data:
                    pipes.unregister(key.fileobj)
            said["complaints"] = said["complaints"][-KEPT:]
            if len(said["output"]) > most or _size(answer) > most:
                raise TooMuch
    return said["output"], said["complaints"]


def _size(path: Path | None) -> int:
    return path.lstat().st_size if path and os.path.lexists(path) else 0
