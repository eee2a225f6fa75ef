"""A worker's work with llama.cpp's log kept: llama.cpp says there, and only there, what it did."""

import ctypes
import sys

import llama_cpp as llama

from haqa_bench.backends.workers.frame import Action, Refused, work
from haqa_bench.errors import Status

LOG: list[str] = []
ERRORS: list[str] = []
"""What llama.cpp logged as an error since it was last asked for something."""
ERROR = 4  # ggml's level
NO_MEMORY = ("allocate", "bad_alloc", "insufficient memory")


def work_logged(*actions: Action) -> None:
    """A worker's work, with llama.cpp's log kept."""
    keep = llama.llama_log_callback(on_log)
    llama.llama_log_set(keep, ctypes.c_void_p(0))
    work(*actions)


def on_log(level: int, text: bytes, _: object) -> None:
    """Keeps llama.cpp's log. Its errors go to stderr too: should it abort, they are the reason."""
    LOG.append(text.decode(errors="replace"))
    if level == ERROR:
        ERRORS.append(LOG[-1])
        print(LOG[-1], end="", file=sys.stderr, flush=True)


def refused(reason: str) -> Refused:
    """That llama.cpp would not take the model or the setting, or, if its log says so, that memory
    ran out.
    """
    log = "".join(LOG)
    want = any(words in log for words in NO_MEMORY)
    return Refused(reason, Status.OOM if want else Status.REFUSED)
