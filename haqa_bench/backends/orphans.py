"""No process outlives the one that started it: a worker whose parent is gone would go on for hours,
for nobody.

On Linux the kernel ends a child together with the *thread* that started it, which here always waits
for it; that costs a measurement nothing, and nothing can forget it. Elsewhere a thread of the child
looks for its parent twice a second.
"""

import ctypes
import os
import signal
import sys
import threading
import time

PARENT = "HAQA_BENCH_PARENT"
"""The environment variable that tells a child who started it."""
PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""
PAUSE_S = 0.5


def environment(**more: str) -> dict[str, str]:
    """This process' environment with `more`, for a child that calls `end_with_parent`."""
    return {**os.environ, PARENT: str(os.getpid()), **more}


def end_with_parent() -> None:
    """Ends this process as soon as the one that started it has ended, however that ended."""
    end_with(int(os.environ.get(PARENT) or os.getppid()))


def end_with(parent: int) -> None:
    """The same, for a child that knows its parent's process id."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before this was called
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PAUSE_S)
    os._exit(1)
