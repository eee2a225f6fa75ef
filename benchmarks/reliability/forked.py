"""The command at full speed: what it imports is imported once, and each call is a fork of that.

A fork is as alone as a process of its own, may be killed at any moment, and begins in milliseconds.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from haqa_bench.backends.orphans import end_with

PATIENCE_S = 20.0
"""How long what a killed command started has to end too."""
Deed = Callable[[], None]


class Done(NamedTuple):
    """What a call printed, its exit code (negative: the signal that ended it) and its seconds."""

    stdout: str
    stderr: str
    code: int
    seconds: float


class Begun(NamedTuple):
    """A call that goes on. It leads a session of its own, which its processes are in too."""

    pid: int
    said: Path
    since: float

    def kill(self, by: signal.Signals, group: bool) -> None:
        """Ends the whole session, or the command alone."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, by)

    def wait(self) -> Done:
        """Waits until it has ended."""
        _, status = os.waitpid(self.pid, 0)
        seconds = time.perf_counter() - self.since
        out, err = (self._text(name) for name in ("stdout", "stderr"))
        return Done(out, err, os.waitstatus_to_exitcode(status), seconds)

    def left(self, patience_s: float = PATIENCE_S) -> int:
        """How many of its processes are there still, once it has ended; waits for them a while."""
        end = time.monotonic() + patience_s
        while (found := _session(self.pid)) and time.monotonic() < end:
            time.sleep(0.01)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def _text(self, name: str) -> str:
        return (self.said / name).read_text("utf-8", "replace")


def begin(words: Sequence[str], folder: Path, said: Path, executed: bool = False) -> Begun:
    """Calls `haqa-bench WORDS` in a folder; what it prints goes to files in `said`. `executed` is a
    new process of Python, as a user would start it.
    """
    said.mkdir(parents=True, exist_ok=True)
    since = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        _child(words, folder, said, executed)
    return Begun(pid, said, since)


def call(words: Sequence[str], folder: Path, said: Path, executed: bool = False) -> Done:
    """The same, to the end."""
    return begin(words, folder, said, executed).wait()


def warm(words: Sequence[str], folder: Path, said: Path) -> None:
    """Imports here all that a call imports, but runs nothing here."""
    listed = said / "modules"

    def list_modules() -> None:
        listed.write_text(json.dumps([name for name in sys.modules if name != "__main__"]))

    said.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid == 0:
        _child(words, folder, said, executed=False, last=list_modules)
    os.waitpid(pid, 0)
    for name in json.loads(listed.read_text()):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def prepare(folder: Path, said: Path, calls: Sequence[Sequence[str]]) -> None:
    """Imports here what some calls import, and sets the environment of all."""
    for name in ("HAQA_BENCH_RUNS", "OPENAI_API_KEY", "OPENAI_BASE_URL", "HAQA_BENCH_DATA"):
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "100"
    for words in calls:
        warm(words, folder, said)


def _child(
    words: Sequence[str],
    folder: Path,
    said: Path,
    executed: bool,
    last: Deed | None = None,
) -> NoReturn:
    parent = os.getppid()
    os.setsid()
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.chdir(folder)
    end_with(parent)
    if executed:
        os.execv(sys.executable, [sys.executable, "-m", "haqa_bench", *words])
    code = main_code(words)
    if last is not None:
        last()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


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
