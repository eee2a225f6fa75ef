"""One number from noisy samples.

Noise on a shared machine only ever takes time away, so the quick quartile is closer to what a configuration can do, and moves
less from run to run, than the median or the mean: see docs/measurement.md for the evidence.
"""

from collections.abc import Sequence
from statistics import median, quantiles


def estimate(samples: Sequence[float], unit: str) -> float:
    """The quick quartile of times (`ms`, `s`, `us`) and rates (`tokens/s`); the median of anything else."""
    if len(samples) < 2 or unit not in ("tokens/s", "ms", "s", "us"):
        return median(samples)
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return high if unit == "tokens/s" else low
