"""The command at full speed: what it imports is imported once, and each call is a fork of that.

A fork is as alone as a process of its own, may be killed at any moment, and begins in milliseconds.
"""

import contextlib
import fcntl
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from haqa_bench.backends.orphans import end_with

PATIENCE_S = 20.0
"""How long what a killed command started has to end too."""
LIMIT_S = 300.0
"""How long a call may take."""
Deed = Callable[[], None]


class Done(NamedTuple):
    """What a call printed, its exit code (negative: the signal that ended it) and its seconds."""

    stdout: str
    stderr: str
    code: int
    seconds: float


class Begun(NamedTuple):
    """A call that goes on. It leads a session of its own, which its processes are in too. What it
    prints goes through pipes, so that a limit on files is none on that.
    """

    pid: int
    out: int
    err: int
    since: float

    def kill(self, by: signal.Signals, group: bool) -> None:
        """Ends the whole session, or the command alone."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, by)

    def wait(self) -> Done:
        """Waits until it has ended; what hangs is killed."""
        handle = os.pidfd_open(self.pid)
        if not select.select([handle], [], [], LIMIT_S)[0]:
            self.kill(signal.SIGKILL, group=True)
        os.close(handle)
        _, status = os.waitpid(self.pid, 0)
        seconds = time.perf_counter() - self.since
        return Done(_read(self.out), _read(self.err), os.waitstatus_to_exitcode(status), seconds)

    def left(self, patience_s: float = PATIENCE_S) -> int:
        """How many of its processes are there still, once it has ended; waits for them a while."""
        end = time.monotonic() + patience_s
        while (found := _session(self.pid)) and time.monotonic() < end:
            time.sleep(0.01)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)


def begin(
    words: Sequence[str],
    folder: Path,
    executed: bool = False,
    first: Deed | None = None,
    last: Deed | None = None,
) -> Begun:
    """Calls `haqa-bench WORDS` in a folder, with what is to be done there first and last.
    `executed` is a new process of Python, as a user would start it.
    """
    since = time.perf_counter()
    pipes = [_pipe(), _pipe()]
    pid = os.fork()
    if pid == 0:
        _child(words, folder, [write for _, write in pipes], executed, first, last)
    for _, write in pipes:
        os.close(write)
    return Begun(pid, pipes[0][0], pipes[1][0], since)


def call(words: Sequence[str], folder: Path, executed: bool = False) -> Done:
    """The same, to the end."""
    return begin(words, folder, executed).wait()


def warm(words: Sequence[str], folder: Path) -> None:
    """Imports here all that a call imports, but runs nothing here."""
    with tempfile.TemporaryDirectory() as place:
        listed = Path(place) / "modules"

        def list_modules() -> None:
            listed.write_text(json.dumps([name for name in sys.modules if name != "__main__"]))

        begin(words, folder, last=list_modules).wait()
        for name in json.loads(listed.read_text()):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def prepare(folder: Path, calls: Sequence[Sequence[str]]) -> None:
    """Imports here what some calls import, and sets the environment of all."""
    for name in ("HAQA_BENCH_RUNS", "OPENAI_API_KEY", "OPENAI_BASE_URL", "HAQA_BENCH_DATA"):
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "100"
    for words in calls:
        warm(words, folder)


def _child(
    words: Sequence[str],
    folder: Path,
    outputs: Sequence[int],
    executed: bool,
    first: Deed | None,
    last: Deed | None,
) -> NoReturn:
    parent = os.getppid()
    os.setsid()
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
    os.chdir(folder)
    end_with(parent)
    if executed:
        os.execv(sys.executable, [sys.executable, "-m", "haqa_bench", *words])
    if first is not None:
        first()
    code = main_code(words)
    if last is not None:
        last()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _pipe() -> tuple[int, int]:
    """A pipe that holds all that a command prints, and whose reader does not wait."""
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.set_blocking(read, False)
    return read, write


def _read(pipe: int) -> str:
    parts = []
    with contextlib.suppress(BlockingIOError):
        while part := os.read(pipe, 1 << 16):
            parts.append(part)
    os.close(pipe)
    return b"".join(parts).decode("utf-8", "replace")


def main_code(words: Sequence[str]) -> int:
    """The exit code of the command, called in this process; a fault of its own is a traceback."""
    import traceback

    from haqa_bench.cli import main

    sys.argv = ["haqa-bench", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _session(leader: int) -> list[int]:
    """The processes of a session that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(entry.name))
    return found
