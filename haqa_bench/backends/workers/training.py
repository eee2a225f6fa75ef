"""What training tells of itself: how the loss falls, and when it never will."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from haqa_bench import curves
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.curves import Point
from haqa_bench.errors import Status

POINTS = 20
"""How many points of a learning curve are kept where its epochs are not counted: each the mean loss
of a twentieth of all steps.
"""
MEMORY = 0.8
"""How much of the running mean of the loss is kept at each step."""


class Diverged(Refused):
    """The loss is no number, or worse than guessing. What it was until then is kept."""

    def __init__(self, reason: str, curve: "Curve") -> None:
        super().__init__(reason, Status.DIVERGED, curve.facts | curve.cut_short)


class Curve:
    """The loss, step by step. Worse than `limit` nats in the running mean, after a twentieth of the
    steps, is divergence.

    Without a limit, it is twice the first loss: what an adapter begins with is the model as it was.
    Of two whole epochs or more, a point is kept for each; else twenty in all.
    """

    def __init__(self, steps: int, limit: float | None = None, epochs: float | None = None) -> None:
        self.steps, self.limit, self.epochs = steps, limit or math.inf, epochs
        self.from_first = limit is None
        self.losses: list[float] = []
        self.running: float | None = None

    def add(self, loss: float) -> None:
        """Notes a step's loss, in nats.

        Raises:
            Diverged: it is no number, or too large for too long.
        """
        self.losses.append(loss)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {len(self.losses)} of {self.steps}", self)
        if self.from_first and len(self.losses) == 1:
            self.limit = 2 * loss
        self.running = loss if self.running is None else MEMORY * self.running + (1 - MEMORY) * loss
        if self.running > self.limit and len(self.losses) > self.steps / POINTS:
            raise Diverged(
                f"the loss is {self.running:.2f} at step {len(self.losses)} of "
                f"{self.steps}, worse than {self.limit:.2f}",
                self,
            )

    def end(self) -> None:
        """To be called after the last step.

        Raises:
            Diverged: what was learnt is worse than the limit.
        """
        if self.last > self.limit:
            raise Diverged(
                f"the loss is {self.last:.2f} after all {self.steps} steps, "
                f"worse than {self.limit:.2f}",
                self,
            )

    @property
    def last(self) -> float:
        """The mean loss of the last twentieth of the steps, in nats."""
        count = len(self.losses)
        start = max((edge for edge in _edges(count, POINTS) if edge < count), default=0)
        return self._mean(start, count)

    @property
    def kept(self) -> Sequence[Point]:
        """What is kept of it: points up to the last loss that is a number."""
        count = sum(map(math.isfinite, self.losses))
        found = [0, *self._ends(count)]
        return [
            Point(end, self._epoch(end), self._mean(start, end)) for start, end in pairwise(found)
        ]

    @property
    def facts(self) -> dict[str, str]:
        """As a trial keeps it: how many steps were taken, and the curve."""
        return {curves.STEPS: str(len(self.losses)), curves.FACT: curves.as_fact(self.kept)}

    @property
    def cut_short(self) -> dict[str, str]:
        """How many steps were due, of a training that did not come to its end."""
        return {curves.PLANNED: str(self.steps)}

    def _ends(self, count: int) -> list[int]:
        """The steps at which points end: those of whole epochs, or of twentieths."""
        if self.epochs is None or self.epochs < 2 or self.epochs != int(self.epochs):
            return _edges(count, POINTS)
        done = [edge for edge in _edges(self.steps, int(self.epochs)) if edge < count]
        return [*done, count] if count else []

    def _epoch(self, step: int) -> float | None:
        """A point within a step of a whole epoch is that epoch's end."""
        if self.epochs is None:
            return None
        reached = self.epochs * step / self.steps
        whole = abs(round(reached) - reached) * self.steps < self.epochs
        return float(round(reached)) if whole and round(reached) else reached

    def _mean(self, start: int, end: int) -> float:
        return sum(self.losses[start:end]) / (end - start)


def _edges(count: int, parts: int) -> list[int]:
    """Where the parts of so many steps end."""
    return sorted({round(count * (part + 1) / parts) for part in range(parts)} - {0})


def factor(schedule: str, step: int, steps: int, warmup: float) -> float:
    """What the learning rate is multiplied by at a step: a linear warm-up over a share of all
    steps, then the schedule.

    `step`: a tenth after 30, 60 and 90 % of all steps, as the DoReFa port's every 60 of 200 epochs;
    `cosine`: to 0; `constant`.
    """
    warm = min(1.0, (step + 1) / (warmup * steps)) if warmup > 0 else 1.0
    done = step / steps
    shapes = {
        "constant": 1.0,
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
        "step": 0.1 ** sum(done >= edge for edge in (0.3, 0.6, 0.9)),
    }
    return warm * shapes[schedule]


def facts_of(**values: object) -> dict[str, str]:
    """Facts as text, as trials keep them."""
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in values.items()
    }


def gpu_facts() -> dict[str, object]:
    """The GPU that was used, if any, and the most memory that tensors took on it."""
    if not torch.cuda.is_available():
        return {}
    return {
        "gpu": torch.cuda.get_device_name(),
        "gpu_peak_mb": round(torch.cuda.max_memory_allocated() / 1e6, 1),
    }
