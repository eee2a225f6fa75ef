"""Inputs and shapes on which wrong kernels that are right on the usual ones are wrong too."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from haqa_bench.tracks.kernel.jobs import Measure
from haqa_bench.tracks.kernel.worker.problems import PROBLEMS, Problem

WIDE, SMALL = 50.0, 1e-39
"""Factors of normal values: softmax multiplies its by 4, so that some are beyond +-200, where
float32 has no exponential; float32's denormals begin below 1.2e-38.
"""
ODD = {
    "rows": 7,
    "tokens": 5,
    "outputs": 71,
    "heads": 3,
    "columns": 160,
    "count": 976,
    "head_size": 96,
    "n": 3,
}
"""Sizes that no launch comes out even with; vectors of up to 16 do, as our older kernels want."""
ON_GRID, UNEVEN = "grid_", {"columns": 163, "head_size": 98}
"""Kernels whose names begin so take any size: these come out even with no vector either."""


class Scaled(np.random.Generator):
    """Draws whose normal values are multiplied by a factor."""

    def __init__(self, seed: int, factor: float) -> None:
        super().__init__(np.random.PCG64(seed))
        self._factor = factor

    def standard_normal(self, *given: Any, **named: Any) -> Any:
        """As numpy's, times the factor."""
        drawn = super().standard_normal(*given, **named)
        return (drawn * self._factor).astype(getattr(drawn, "dtype", np.float64))


class Check(NamedTuple):
    """One launch that is checked: its name, for people, its shape, and what makes its inputs."""

    name: str
    shape: Mapping[str, int]
    draws: Callable[[int], np.random.Generator]

    def pose(self, job: Measure, seed: int) -> Problem:
        """The problem."""
        return PROBLEMS[job.kernel](job.bits, self.shape, job.settings, self.draws(seed))


def usual(job: Measure) -> Check:
    """The kernel's own shape, with usual inputs."""
    return Check("usual inputs", job.shape, np.random.default_rng)


def wide(job: Measure) -> Check:
    """The kernel's own shape, with large values."""
    return Check("values to +-200", job.shape, lambda seed: Scaled(seed, WIDE))


def odd(job: Measure) -> tuple[Check, ...]:
    """Another, odd shape, with all kinds of inputs."""
    sizes = {**ODD, **UNEVEN} if job.kernel.startswith(ON_GRID) else ODD
    shape = {name: sizes.get(name, size) for name, size in job.shape.items()}
    if shape == dict(job.shape):
        shape = {
            name: size + 1 if name in ("rows", "tokens") else size for name, size in shape.items()
        }
    said = ", ".join(f"{name} {size}" for name, size in shape.items())
    return (
        Check(f"the shape {said}", shape, np.random.default_rng),
        Check(f"zeros, at the shape {said}", shape, lambda seed: Scaled(seed, 0.0)),
        Check(f"denormal values, at the shape {said}", shape, lambda seed: Scaled(seed, SMALL)),
        Check(f"values to +-200, at the shape {said}", shape, lambda seed: Scaled(seed, WIDE)),
    )
