"""Axes of gains: one scale for all panels, on which the default has its place."""

import math
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from haqa_bench.report.figures import style

TIMES = (
    (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0),
    (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0),
    (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
    (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0),
    (0.1, 1.0, 10.0, 100.0, 1000.0),
)
"""Where a logarithmic axis of ratios may have ticks, from the closest to the widest."""
MOST = 7
"""Ticks of an axis."""


def limits(values: Iterable[float], times: bool) -> tuple[float, float]:
    """From below the least to above the largest, the default among them."""
    every = [*values, 1.0 if times else 0.0]
    low, high = min(every), max(every)
    if times:
        room = max(math.log(high / low), 0.1) * 0.05
        return low / math.exp(room), high * math.exp(room)
    room = max(high - low, 1e-9) * 0.06
    return low - room, high + room


def gains(axes: Axes, ends: tuple[float, float], times: bool) -> None:
    """Gives an axis of gains these ends, ticks, and a dotted line at the default."""
    axes.axvline(1 if times else 0, color=style.INK, linestyle=":", linewidth=0.8, zorder=1)
    if times:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_ticks(*ends)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}\N{MULTIPLICATION SIGN}"))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(MOST - 2))
    axes.set_xlim(*ends)


def _ticks(low: float, high: float) -> list[float]:
    """The closest ticks that are few enough, and reach as far as the axis does."""
    for ticks in TIMES:
        kept = [tick for tick in ticks if low <= tick <= high]
        if len(kept) <= MOST and ticks[0] / 1.5 <= low and high <= 1.5 * ticks[-1]:
            return kept
    return [1.0]
