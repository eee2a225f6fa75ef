"""A process that loads what many jobs share once, and forks for each: a job is as alone as in a
process of its own, and begins at once.

Only where nothing forbids a fork: the loading must have started no thread pool and opened no GPU.
The worker's side is `workers.frame.serve`.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO, TypeVar

from haqa_bench.backends import orphans
from haqa_bench.backends.jobs import Done, Job, Order, result_of
from haqa_bench.backends.process import failure_of, parse_result, timeout_of
from haqa_bench.backends.wire import dump
from haqa_bench.errors import EvaluationFailed, Status

Result = TypeVar("Result")
LOADING_S = 600.0


class Forks:
    """Jobs for `python -m MODULE serve`, which has loaded what `shared`, a document, says. One job
    at a time.
    """

    def __init__(self, module: str, shared: object) -> None:
        self.module, self.shared = module, shared
        self.server: subprocess.Popen[bytes] | None = None

    def run(self, job: Job[Result], timeout_s: float) -> Result:
        """The result of a job.

        Raises:
            EvaluationFailed: it timed out, crashed, was killed, ran out of memory, or the tool
            refused it.
            HaqaError: what the job is to work with is missing or damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            result, complaints = Path(folder) / "result", Path(folder) / "complaints"
            try:
                code = self._code(Order(dump(job), str(result), str(complaints)), timeout_s)
            except (EOFError, BrokenPipeError):
                self.server = None
                raise EvaluationFailed(
                    Status.CRASHED, "the process that forks for each trial ended"
                ) from None
            if code != 0:
                said = complaints.read_text("utf-8", "replace") if complaints.is_file() else ""
                raise failure_of(code, said)
            return parse_result(result.read_text("utf-8"), result_of(job))

    def _code(self, order: Order, timeout_s: float) -> int:
        """The exit code of the child that a job is given to."""
        server = self._server()
        _send(server, order)
        child = int(_line(server, LOADING_S))
        try:
            return int(_line(server, timeout_s))
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _line(server, LOADING_S)
            raise timeout_of(timeout_s) from None

    def _server(self) -> "subprocess.Popen[bytes]":
        if self.server is None:
            server = _started(self.module)
            # else a Popen that is forgotten keeps its process waiting
            weakref.finalize(self, _end, server)
            _send(server, self.shared)
            try:
                loaded = _line(server, LOADING_S)
            except TimeoutError:
                raise EvaluationFailed(
                    Status.TIMEOUT, f"not loaded within {LOADING_S:g} s"
                ) from None
            parse_result(loaded.decode(), Done)
            self.server = server
        return self.server


def _started(module: str) -> "subprocess.Popen[bytes]":
    """A server of forks; with one thread, since a pool of them would not survive the fork."""
    return subprocess.Popen(
        [sys.executable, "-m", module, "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=orphans.environment(OMP_NUM_THREADS="1"),
    )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for when the process was started.

    Raises:
        BrokenPipeError: there is none.
    """
    if stream is None:
        raise BrokenPipeError
    return stream


def _send(server: "subprocess.Popen[bytes]", document: object) -> None:
    _pipe(server.stdin).write(dump(document).encode() + b"\n")


def _line(server: "subprocess.Popen[bytes]", timeout_s: float) -> bytes:
    stdout = _pipe(server.stdout)
    if not select.select([stdout], [], [], timeout_s)[0]:
        raise TimeoutError
    if not (line := stdout.readline()):
        raise EOFError
    return line


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()
