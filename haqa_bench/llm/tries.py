"""Asking once more, after pauses that grow, where another try may succeed."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from haqa_bench.errors import ChatFailed

DEADLINE_S = 600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0


class Failure(NamedTuple):
    """A try that failed, whether another may succeed, and after how many seconds whoever was asked
    wants it.
    """

    failed: ChatFailed
    again: bool
    after_s: float | None = None


def deadline(own_s: float | None, timeout_s: float, retries: int) -> float:
    """The seconds for all tries: those that were given, or DEADLINE_S, or what the tries may take,
    where that is longer.
    """
    return own_s or max(DEADLINE_S, timeout_s * (retries + 1))


def good(tried: Callable[[], str | Failure], retries: int, until: float) -> str:
    """A good answer, after as many tries as it takes and may take, up to the time `until`, of
    time.monotonic().

    Raises:
        ChatFailed: the last try's.
    """
    tries = 0
    while True:
        found = tried()
        if isinstance(found, str):
            return found
        wait_s = _pause_s(tries) if found.after_s is None else found.after_s
        tries += 1
        if not found.again or tries > retries or time.monotonic() + wait_s > until:
            raise found.failed
        time.sleep(wait_s)


def _pause_s(tries: int) -> float:
    """Before another try, where no time is named: longer each time, and never the same for two that
    were refused together.
    """
    return float(min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S) * random.uniform(0.75, 1))
