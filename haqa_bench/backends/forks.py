"""A process that loads what many jobs share once, and forks for each: a job is as alone as in a
process of its own, and begins at once.

Only where nothing forbids a fork: the loading must have started no thread pool and opened no GPU.
The worker's side is `serve`.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haqa_bench.backends.process import died, refused
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.trial import Status

LOADING_S = 600.0


class Forks:
    """Jobs for `python -m MODULE serve`, which has loaded what `shared` says. One job at a time."""

    def __init__(self, module: str, shared: dict[str, Any]) -> None:
        self.module, self.shared = module, shared
        self.server: subprocess.Popen[bytes] | None = None

    def run(self, job: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """The result of a job.

        Raises:
            EvaluationFailed: it timed out, crashed, was killed, ran out of memory, or the tool
            refused it. HaqaError: what the job is to work with is missing or damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            result, complaints = Path(folder) / "result", Path(folder) / "complaints"
            try:
                code = self._code(
                    {**job, "result": str(result), "complaints": str(complaints)}, timeout_s
                )
            except (EOFError, BrokenPipeError):
                self.server = None
                raise EvaluationFailed(
                    Status.CRASHED, "the process that forks for each trial ended"
                ) from None
            if code != 0:
                raise died(
                    code,
                    complaints.read_text("utf-8", errors="replace") if complaints.is_file() else "",
                )
            return refused(result.read_text("utf-8"))

    def _code(self, job: dict[str, Any], timeout_s: float) -> int:
        """The exit code of the child that a job is given to."""
        server = self._server()
        self._send(server, job)
        child = int(self._line(server, LOADING_S))
        try:
            return int(self._line(server, timeout_s))
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            self._line(server, LOADING_S)
            raise EvaluationFailed(Status.TIMEOUT, f"no result within {timeout_s:g} s") from None

    def _server(self) -> "subprocess.Popen[bytes]":
        if self.server is None:
            env = {
                **os.environ,
                "OMP_NUM_THREADS": "1",
            }  # a pool of threads would not survive the fork
            server = subprocess.Popen(
                [sys.executable, "-m", self.module, "serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=env,
            )
            weakref.finalize(
                self, _end, server
            )  # else a Popen that is forgotten keeps its process waiting
            self._send(server, self.shared)
            try:
                loaded = json.loads(self._line(server, LOADING_S))
            except TimeoutError:
                raise EvaluationFailed(
                    Status.TIMEOUT, f"not loaded within {LOADING_S:g} s"
                ) from None
            if loaded is not None:
                raise HaqaError(*loaded)
            self.server = server
        return self.server

    def _send(self, server: "subprocess.Popen[bytes]", message: dict[str, Any]) -> None:
        assert server.stdin is not None
        server.stdin.write(json.dumps(message).encode() + b"\n")

    def _line(self, server: "subprocess.Popen[bytes]", timeout_s: float) -> bytes:
        assert server.stdout is not None
        if not select.select([server.stdout], [], [], timeout_s)[0]:
            raise TimeoutError
        if not (line := server.stdout.readline()):
            raise EOFError
        return line


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()


def serve(
    load: Callable[[dict[str, Any]], Any],
    run: Callable[[Any, dict[str, Any]], dict[str, Any]],
    unusable: type[Exception],
) -> None:
    """A worker's side: loads what the first line says, then forks for each further line, and tells
    each child's pid and exit code.

    `load` may raise `unusable` with where and what.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        loaded = load(json.loads(sys.stdin.readline()))
    except unusable as reason:
        answers.write(json.dumps(reason.args) + "\n")
        return
    answers.write("null\n")
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(loaded, job, run)
        answers.write(f"{child}\n")
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")


def _child(
    loaded: Any, job: dict[str, Any], run: Callable[[Any, dict[str, Any]], dict[str, Any]]
) -> None:
    code = 1
    try:
        complaints = os.open(job["complaints"], os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(complaints, 1)
        os.dup2(complaints, 2)
        Path(job["result"]).write_text(json.dumps(run(loaded, job)), "utf-8")
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
