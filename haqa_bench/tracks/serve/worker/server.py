"""llama-server as a process: started, waited for, looked at, and ended.

A guard holds it (haqa_bench.backends.guard), so that it ends with this process, however that ends.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import psutil

from haqa_bench.backends.process import failure_of, last_line
from haqa_bench.backends.programs import ENDING_S, Called, Guard, held
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.errors import Status
from haqa_bench.tracks.serve.command import HOST

LOOK_S = 0.05
ASKED_S = 60.0
"""For an answer that takes no generating."""
KEPT = 16_384
"""Bytes that are looked at of what it said last."""
MOST = 2**22
"""The same of what it said first, when it loaded its model."""


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def started(words: Sequence[str], port: int) -> Iterator["Server"]:
    """llama-server, until the block is left. It sees none of the environment's variables that would
    change its settings (LLAMA_ARG_THREADS, ...).
    """
    seen = {name: value for name, value in os.environ.items() if not name.startswith("LLAMA_")}
    called = Called(words, folder=Path.cwd(), environment=seen, question=None, answer=None)
    with TemporaryFile() as log, held(called, says=log) as guard:
        yield Server(guard, log, port)


class Looked(NamedTuple):
    """What a server has taken since it began: the most memory in bytes, seconds of cores, and how
    often its threads had to give up their core.
    """

    peak_bytes: int
    cpu_s: float
    involuntary_switches: int


class Server:
    """A llama-server that was started on `port`, and writes what it says to `log`."""

    def __init__(self, guard: Guard, log: IO[bytes], port: int) -> None:
        self.guard, self.log, self.port = guard, log, port
        self.processes: list[psutil.Process] = []
        """Its own process, which is the guard's child, once it is ready."""

    def wait_ready(self, patience_s: float) -> None:
        """Waits until it has loaded its model.

        Raises:
            Refused: it ended, or is not ready in time.
        """
        until = time.monotonic() + patience_s
        while not self._ready():
            self.check_alive()
            if time.monotonic() > until:
                reason = f"llama-server is not ready within {patience_s:g} s; it said last: "
                raise Refused(reason + last_line(self.said()), Status.TIMEOUT)
            time.sleep(LOOK_S)
        self.processes = psutil.Process(self.guard.pid).children()

    def _ready(self) -> bool:
        try:
            return self._asked("GET", "/health")[0] == 200
        except (OSError, HTTPException, ValueError):  # it does not listen yet
            return False

    def check_alive(self, patience_s: float = 0.0) -> None:
        """Raises Refused where it has ended, or ends within `patience_s`, with its last words."""
        until = time.monotonic() + patience_s
        while not self._ended():
            if time.monotonic() >= until:
                return
            time.sleep(LOOK_S)
        code = self.guard.wait(ENDING_S)
        ended = 128 - code if code - 128 in set(signal.Signals) else code
        failure = failure_of(ended, self.said())
        raise Refused(f"llama-server: {failure.reason}", failure.status)

    def _ended(self) -> bool:
        """Whether it has, be its guard there for another moment."""
        try:
            ended = [one.status() == psutil.STATUS_ZOMBIE for one in self.processes]
        except psutil.NoSuchProcess:
            return True
        return any(ended) or self.guard.poll() is not None

    def said(self) -> str:
        """The last that it said."""
        file = self.log.fileno()
        begin = max(0, os.fstat(file).st_size - KEPT)
        return os.pread(file, KEPT, begin).decode("utf-8", "replace")  # it writes at its own place

    def said_first(self) -> str:
        """What it said until now, as far as it is no more than MOST bytes."""
        return os.pread(self.log.fileno(), MOST, 0).decode("utf-8", "replace")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What it answers, read from JSON.

        Raises:
            Refused: it does not answer.
        """
        try:
            status, answer = self._asked(method, path, body)
        except (OSError, HTTPException, ValueError) as error:
            self.check_alive()
            raise Refused(f"llama-server: {path}: {error}", Status.CRASHED) from None
        if status != 200:
            raise Refused(f"llama-server: {path}: HTTP {status}: {answer}")
        return answer

    def _asked(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = HTTPConnection(HOST, self.port, timeout=ASKED_S)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def look(self) -> Looked:
        """What it has taken until now.

        Raises:
            Refused: it has ended.
        """
        self.check_alive()
        (process,) = self.processes
        try:
            times, peak = process.cpu_times(), peak_bytes(process.pid)
            tasks = [*Path(f"/proc/{process.pid}/task").iterdir()]
        except (psutil.NoSuchProcess, OSError, StopIteration):  # it is ending
            self.check_alive(ENDING_S)
            raise
        return Looked(peak, times.user + times.system, sum(map(_switches, tasks)))


def _switches(task: Path) -> int:
    """How often a thread has had to give up its core; not at all where it has ended."""
    with suppress(OSError):
        for line in (task / "status").read_text().splitlines():
            if line.startswith("nonvoluntary_ctxt_switches:"):
                return int(line.split()[1])
    return 0
