"""Progress as plain lines, for a log: nothing of a command that ends within 2 s, then a line every
10 s in which something was done, and every 60 s in which nothing was.

    studies: 3 of 36, about 132 s left; llama/smollm2-135m-int4-epyc-zen4-2core/haqa/seed1: 4 of 10
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.progress import TaskID

from haqa_bench.errors import HaqaError

FIRST_S, EVERY_S, ALIVE_S = 2.0, 10.0, 60.0


class _Task:
    """Something that is done so many times; `total` is None while nobody knows."""

    def __init__(self, description: str, total: float | None, now: float) -> None:
        self.description, self.total, self.completed, self.since = description, total, 0.0, now

    def told(self, now: float) -> str:
        """How far it is, and how long the rest takes at the pace so far."""
        if self.total is None:
            return f"{self.description}: {self.completed:g}" if self.completed else self.description
        said = f"{self.description}: {self.completed:g} of {self.total:g}"
        if not self.completed:
            return said
        left = (now - self.since) * (self.total - self.completed) / self.completed
        return f"{said}, about {left:.0f} s left"

    @property
    def ended(self) -> bool:
        return self.total is not None and self.completed >= self.total


class Lines:
    """Tasks, told of in lines by `say`, from a thread of its own. It has of rich's Progress what
    commands use.
    """

    def __init__(
        self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._clock = say, clock
        self._tasks: list[_Task] = []
        self._done, self._lock = threading.Event(), threading.Lock()
        self._due, self._said_at, self._said = clock() + FIRST_S, clock(), ""
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def add_task(self, description: str, total: float | None = None) -> TaskID:
        """A new task; its number."""
        with self._lock:
            self._tasks.append(_Task(description, total, self._clock()))
            return TaskID(len(self._tasks) - 1)

    def advance(self, task: TaskID) -> None:
        """One more is done."""
        with self._lock:
            self._tasks[task].completed += 1

    def update(
        self,
        task: TaskID,
        *,
        total: float | None = None,
        completed: float | None = None,
        description: str | None = None,
    ) -> None:
        """What a task is, or how far; None stays as it is. Of another description it begins
        anew.
        """
        with self._lock:
            one = self._tasks[task]
            if description not in (None, one.description):
                one.description, one.since = str(description), self._clock()
            one.total = one.total if total is None else total
            one.completed = one.completed if completed is None else completed

    def tick(self) -> None:
        """Says a line where one is due."""
        now = self._clock()
        with self._lock:
            told = "; ".join(task.told(now) for task in self._tasks if not task.ended)
            amounts = str([(task.description, task.completed) for task in self._tasks])
        alive = now >= self._said_at + ALIVE_S
        if now < self._due or not told or (amounts == self._said and not alive):
            return
        self._due, self._said_at, self._said = now + EVERY_S, now, amounts
        self._say(told)

    def _watch(self) -> None:
        with suppress(HaqaError, OSError):  # nobody reads stderr any more: the work goes on
            while not self._done.wait(0.5):
                self.tick()
