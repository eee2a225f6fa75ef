"""The time of a sweep that ends by itself, and what ends a measurement when it is over."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

RESERVE_S = 5.0
"""What is left at most for ending processes and writing what was measured."""
RESERVED = 0.05
"""What part of a short time is left for that."""


class OutOfTime(BaseException):
    """The time is over. No Exception: whoever catches what a plug-in raises leaves it be."""


class Clock:
    """What is left of some seconds, by a clock that nobody sets, and that does not jump."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.now = seconds, now
        self._started = now()

    @property
    def gone(self) -> float:
        """Seconds since it was made."""
        return self.now() - self._started

    @property
    def left(self) -> float:
        """Seconds in which something may still be measured."""
        return self.seconds - min(RESERVE_S, RESERVED * self.seconds) - self.gone


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Ends what runs in it when so many seconds have gone, whatever it waits for. Only the main
    thread can be ended so; elsewhere it runs on.

    Raises:
        OutOfTime: they have gone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _over(_number: int, _frame: FrameType | None) -> NoReturn:
    raise OutOfTime
