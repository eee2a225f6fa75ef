"""The outside of a sandbox: asks the launcher inside (worker/launcher.py), believes nothing that it
says, and has a clock of its own.

While the sandbox is stopped (SIGSTOP), no code in it can see inputs before its time begins, or
write outputs after it has ended.
"""

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import psutil

from haqa_bench.backends.process import NO_MEMORY
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel import sandbox
from haqa_bench.tracks.kernel.jobs import Measure

ANSWER_BYTES = 32 * 2**20
"""The longest answer: what a compiler leaves in its cache."""
TAIL = 4000
MOST_PROCESSES = 12
"""That a sandbox may hold at once: bwrap's two, the launcher, a compiler's linker."""
ADDRESSES = 16 * 2**30
LOOK_S = 0.1
FORBIDDEN = "it called what the sandbox forbids: processes, threads, sockets, clocks"


class Ran(NamedTuple):
    """Launches: the device's times as the sandbox tells them, and by this side's clock how long it
    took until it had answered; in microseconds.
    """

    told_us: tuple[float, ...]
    elapsed_us: float


class Session:
    """A sandbox with a launcher in it, which may take `timeout_s` in all."""

    def __init__(self, job: Measure, timeout_s: float, shared: tuple[int, int] = (-1, 0)) -> None:
        self._left_s, self._all_s, self._tail = timeout_s, timeout_s, b""
        file, size = shared
        self._process = subprocess.Popen(
            sandbox.command(Path(job.sources)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            pass_fds=() if file < 0 else (file,),
            bufsize=0,
        )
        self._commands, self._answers, self._complaints = (
            stream.fileno()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
            if stream
        )
        self._drain = threading.Thread(target=self._listen, daemon=True)
        self._drain.start()
        self._pid, self._ours = 0, frozenset[int]()
        try:
            self._hello(job, file, size)
        except BaseException:
            self.close()
            raise

    def _hello(self, job: Measure, file: int, size: int) -> None:
        self._ask(
            memory=file,
            shared_bytes=size,
            memory_bytes=job.memory_bytes,
            address_bytes=size + ADDRESSES + job.memory_bytes if job.memory_bytes else 0,
        )
        there = [one.pid for one in self._processes()]  # no foreign code has run yet
        self._pid, self._ours = there[-1], frozenset(there)
        told = self._ask("open", device=job.device)
        self.is_cpu, self.units = bool(told.get("cpu")), int(told.get("units", 1))
        self.facts = {str(k): str(v) for k, v in dict(told.get("facts", {})).items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the sandbox with all that is in it."""
        self._process.kill()  # the processes inside die with bwrap (--die-with-parent)
        self._process.wait()
        self._drain.join(5)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()

    def build(self, name: str, source: str, options: Sequence[str]) -> None:
        """Compiles a source as the program `name`.

        Raises:
            Refused: the compiler would not.
        """
        self._ask("build", Status.COMPILE_ERROR, name=name, source=source, options=list(options))

    def launch(self, name: str, program: str, kernel: str, **sizes: object) -> None:
        """Makes a launch ready: `buffers`, and sizes of the `global` range and a `local` group."""
        status = Status.COMPILE_ERROR
        self._ask("launch", status, name=name, program=program, kernel=kernel, **sizes)

    def run(self, *names: str, stopped: bool = False) -> Ran:
        """Launches, one after another; first lets a stopped sandbox go on, within the time."""
        began = time.perf_counter_ns()
        if stopped:
            self._signal(signal.SIGCONT)
        told = self._ask("run", of=list(names))
        elapsed_us = (time.perf_counter_ns() - began) / 1000
        times = told.get("us")
        if not isinstance(times, list) or len(times) != len(names):
            raise self._babble()
        if not all(isinstance(t, int | float) and 0 <= t < 1e12 for t in times):
            raise self._babble()
        return Ran(tuple(map(float, times)), elapsed_us)

    def files(self) -> Mapping[str, str]:
        """What the compiler left in its cache."""
        found = self._ask("files").get("files")
        if not isinstance(found, dict):
            raise self._babble()
        return {str(name): str(text) for name, text in found.items()}

    def take(self, files: Mapping[str, str]) -> None:
        """Puts files into the compiler's cache."""
        self._ask("take", files=dict(files))

    def lock(self) -> None:
        """From now on nothing in the sandbox may start a process or a thread."""
        self._ask("lock")

    def check_alone(self) -> None:
        """Says where code has started what goes on.

        Raises:
            Refused: there are more processes than bwrap's and the launcher.
        """
        left = [one for one in self._processes() if one.pid not in self._ours and _goes_on(one)]
        if left:
            raise Refused(f"it left {len(left)} processes of its own behind")

    def stop(self) -> None:
        """Stops all threads in the sandbox, and returns when they stand."""
        self._signal(signal.SIGSTOP)
        while not _stopped(self._pid):
            if self._process.poll() is not None:
                raise self._ended()

    def go_on(self) -> None:
        """Lets a stopped sandbox go on."""
        self._signal(signal.SIGCONT)

    def busy_s(self) -> float:
        """Seconds that the launcher has had a core, as the system counts them."""
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self._pid).cpu_times()
            return times.user + times.system
        return 0.0

    def involuntary_switches(self) -> int:
        """How often the launcher's threads have had to give up their core."""
        found = 0
        for task in Path(f"/proc/{self._pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):
                found += int(task.read_text().rpartition("nonvoluntary_ctxt_switches:")[2])
        return found

    def _signal(self, which: signal.Signals) -> None:
        try:
            os.kill(self._pid, which)
        except ProcessLookupError:
            raise self._ended() from None

    def _ask(
        self, do: str = "", status: Status = Status.REFUSED, **given: object
    ) -> dict[str, Any]:
        """The answer to a command; nothing that the code could have known makes one.

        Raises:
            Refused: it says that it failed, ended, took too long, or answered something else.
        """
        number = secrets.token_hex(8)
        text = json.dumps({"id": number, "do": do, **given}) + "\n"
        began = time.monotonic()
        try:
            line = self._exchange(text.encode(), began + self._left_s)
        finally:
            self._left_s -= time.monotonic() - began
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            raise self._babble() from None
        if not isinstance(told, dict) or told.get("id") != number:
            raise self._babble()
        if "error" in told:
            raise Refused(_plain(str(told["error"])), status)
        return told

    def _exchange(self, text: bytes, until: float) -> bytes:
        line = b""
        try:
            _write_all(self._commands, text)
            while not line.endswith(b"\n"):
                self._wait_readable(until)
                part = os.read(self._answers, 2**20)
                if not part:
                    raise self._ended()
                line += part
                if len(line) > ANSWER_BYTES:
                    raise self._babble()
        except BrokenPipeError:
            raise self._ended() from None
        return line

    def _wait_readable(self, until: float) -> None:
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        while not poll.poll(1000 * LOOK_S):
            if time.monotonic() > until:
                raise Refused(f"no result within {self._all_s:g} s", Status.TIMEOUT)
            if len(self._processes()) > MOST_PROCESSES:
                raise Refused(f"it started more than {MOST_PROCESSES} processes")

    def _processes(self) -> list[psutil.Process]:
        """bwrap's own and all others of the sandbox, the oldest first."""
        with contextlib.suppress(psutil.Error):
            return list(psutil.Process(self._process.pid).children(recursive=True))
        return []

    def _listen(self) -> None:
        """Keeps the end of what it complains of, however much that is."""
        with contextlib.suppress(OSError):
            while part := os.read(self._complaints, 2**16):
                self._tail = (self._tail + part)[-TAIL:]

    def _babble(self) -> Refused:
        return Refused("it wrote something else than the launcher's answer", Status.CRASHED)

    def _ended(self) -> Refused:
        """Why the sandbox ended."""
        code = self._process.wait()
        self._drain.join(5)
        said = self._tail.decode(errors="replace")
        last = _plain((said.strip().splitlines() or ["it said nothing"])[-1])[:300]
        if any(words in said for words in NO_MEMORY):
            return Refused(last, Status.OOM)
        number = code - 128 if code > 128 else -code
        if number == signal.SIGSYS:
            return Refused(f"ended by SIGSYS: {FORBIDDEN}", Status.CRASHED)
        if number == signal.SIGKILL:
            return Refused("killed by signal 9, for want of memory or by itself", Status.KILLED)
        if number in set(signal.Signals):
            return Refused(f"ended by {signal.Signals(number).name}: {last}", Status.CRASHED)
        return Refused(f"exit code {code}: {last}", Status.CRASHED)


def _write_all(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]


def _plain(text: str) -> str:
    """One line without folders, which differ from machine to machine."""
    words = " ".join(text.split())
    return " ".join(word.rpartition("/")[2] if "/" in word else word for word in words.split(" "))


def _goes_on(one: psutil.Process) -> bool:
    """Whether a process has not ended."""
    try:
        return one.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _stopped(pid: int) -> bool:
    """Whether all threads of a process stand."""
    states = []
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.append(task.read_text().rpartition(")")[2].split()[0])
    return bool(states) and all(state in ("T", "t", "Z", "X") for state in states)
