"""What training tells of itself: how the loss falls, and when it never will."""

import math

import torch

from haqa_bench.backends.workers.frame import Refused
from haqa_bench.errors import Status

POINTS = 20
"""How many points of a learning curve are kept: each the mean loss of a twentieth of all steps."""
MEMORY = 0.8
"""How much of the running mean of the loss is kept at each step."""


class Diverged(Refused):
    """The loss is no number, or worse than guessing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, Status.DIVERGED)


class Curve:
    """The loss, step by step. Worse than `limit` nats in the running mean, after a twentieth of the
    steps, is divergence.

    Without a limit, it is twice the first loss: what an adapter begins with is the model as it was.
    """

    def __init__(self, steps: int, limit: float | None = None) -> None:
        self.steps, self.limit = steps, limit or math.inf
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
            raise Diverged(f"the loss is {loss} at step {len(self.losses)} of {self.steps}")
        if self.from_first and len(self.losses) == 1:
            self.limit = 2 * loss
        self.running = loss if self.running is None else MEMORY * self.running + (1 - MEMORY) * loss
        if self.running > self.limit and len(self.losses) > self.steps / POINTS:
            raise Diverged(
                f"the loss is {self.running:.2f} at step {len(self.losses)} of "
                f"{self.steps}, worse than {self.limit:.2f}"
            )

    def end(self) -> None:
        """To be called after the last step.

        Raises:
            Diverged: what was learnt is worse than the limit.
        """
        if self.points[-1][1] > self.limit:
            raise Diverged(
                f"the loss is {self.points[-1][1]:.2f} after all {self.steps} steps, "
                f"worse than {self.limit:.2f}"
            )

    @property
    def points(self) -> list[tuple[int, float]]:
        """(step, mean loss since the point before), at most twenty."""
        count = len(self.losses)
        edges = sorted({round(count * (i + 1) / POINTS) for i in range(POINTS)} - {0})
        return [
            (end, sum(self.losses[start:end]) / (end - start))
            for start, end in zip([0, *edges], edges, strict=False)
        ]


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


def curve_as_text(points: list[tuple[int, float]]) -> str:
    """A learning curve as it is stored: step:loss, each with four digits."""
    return " ".join(f"{step}:{loss:.4g}" for step, loss in points)


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
