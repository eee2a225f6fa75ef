"""Holds a program of somebody else's, so that nothing that it starts outlives its question.

python guard.py LIFELINE PROGRAM...

LIFELINE is the reading end of a pipe. When its other end closes, because whoever asks has had
enough or has died, all is ended; as it is when the program ends and leaves others behind. On Linux
that finds those too that made themselves daemons: they become children of this process.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import psutil

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""
PR_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): children whose parents end become this process'."""
NOT_STARTED = 126
"""The exit code of what cannot be started, as shells have it."""
PATIENCE_S = 8.0


def main(lifeline: int, command: list[str]) -> int:
    """Runs the program; its exit code, or 128 and the signal that ended it."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: None
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        program = subprocess.Popen(
            command,
            start_new_session=True,
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL)),
        )
    except (OSError, ValueError) as error:
        print(f"it cannot be started: {error}", file=sys.stderr)
        return NOT_STARTED
    threading.Thread(target=_watch, args=(lifeline, program.pid), daemon=True).start()
    code = program.wait()
    _end_all(program.pid)
    return code if code >= 0 else 128 - code


def _watch(lifeline: int, group: int) -> None:
    """Ends everything when the lifeline is cut."""
    while os.read(lifeline, 1):
        pass
    _end_all(group)
    os._exit(0)


def _end_all(group: int) -> None:
    """Ends the program's group and whatever else is left below this process."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()
        if _childless():
            return
        time.sleep(0.01)


def _childless() -> bool:
    """Whether no child is left, and so nothing at all. A list of processes cannot say so: while it
    is made, one dies, and its children are not found where they were.
    """
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
