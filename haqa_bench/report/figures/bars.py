"""Bars that lie, in groups: the name of a group above its bars, numbers beside the panel, where no
line strikes them out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.report.figures import style

TALL = 0.15
"""Inches of a bar."""
COLOURS = {"FP16": "#8a8a8a", "INT8": "#0072b2", "INT4": "#e69f00"}
"""Of bit-widths."""


class Bar(NamedTuple):
    """A value, and what is written beside it; `around` is its interval, if there is one."""

    name: str
    value: float
    words: str
    colour: str
    simulated: bool = False
    around: Interval | None = None


Groups = Mapping[str, Sequence[Bar]]


def height(groups: Groups) -> float:
    """Of a panel that holds them, in inches, its axis included."""
    return 0.6 + TALL * sum(len(bars) + 1 for bars in groups.values())


def draw(axes: Axes, groups: Groups) -> None:
    """Draws every group, from the top."""
    top = 0
    for title, bars in groups.items():
        axes.text(
            0,
            top - 0.75,
            title,
            transform=axes.get_yaxis_transform(),
            va="center",
            path_effects=style.halo(),
            zorder=3,
        )
        for place, bar in enumerate(bars, top):
            _draw(axes, place, bar)
        top += len(bars) + 1
    places = [axis_place for axis_place, _ in _rows(groups)]
    axes.set_yticks(places, [name for _, name in _rows(groups)])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(top - 1.3, -1.3)


def _rows(groups: Groups) -> list[tuple[int, str]]:
    rows, top = [], 0
    for bars in groups.values():
        rows += [(place, bar.name) for place, bar in enumerate(bars, top)]
        top += len(bars) + 1
    return rows


def _draw(axes: Axes, place: float, bar: Bar) -> None:
    hatch = style.SIMULATED if bar.simulated else None
    axes.barh(
        place, bar.value, 0.72, color=bar.colour, hatch=hatch, edgecolor="white", lw=0, zorder=2
    )
    if bar.around:
        axes.hlines(place, *bar.around, color=style.INK, linewidth=0.9, zorder=3)
    axes.text(
        1.02,
        place,
        bar.words,
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=style.SMALL,
    )
