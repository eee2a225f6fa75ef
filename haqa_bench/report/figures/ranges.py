"""Which values of each range were tried, and what they gave: a picture a cell, a panel a range.

A space with a range has no map of its whole, and its best is not known; but where each method
looked can be seen.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from haqa_bench.cell import Cell
from haqa_bench.parameters.ranges import FloatRange, IntRange
from haqa_bench.report import methods
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Drawing, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.tried import Tried, tried

COLUMNS, TALL = 3, 1.6
"""Panels beside each other, and inches of each."""
SMALL, LARGE = 2.2, 4.6
"""Points of a mark, and of that of a study's best."""
Points = Sequence[tuple[Tried, float]]
"""What was tried, and its value of a range."""


def pictures(run: Subject) -> Iterator[Drawing]:
    """One for each cell whose space has a range."""
    found: dict[str, list[Tried]] = {}
    for one in tried(run.run):
        found.setdefault(one.cell, []).append(one)
    for name, of_cell in found.items():
        cell = run.cells[name]
        if ranges := _ranges(cell):
            yield _picture(run, cell, ranges, of_cell)


def _ranges(cell: Cell) -> Mapping[str, FloatRange | IntRange]:
    every = cell.space.root.items()
    return {name: p for name, p in every if isinstance(p, FloatRange | IntRange)}


def _picture(
    run: Subject,
    cell: Cell,
    ranges: Mapping[str, FloatRange | IntRange],
    found: Sequence[Tried],
) -> Picture:
    columns = min(COLUMNS, len(ranges))
    width = style.PAGE if columns > 1 else style.COLUMN
    figure, panels = style.panels(len(ranges), width, TALL, columns)
    shown = [m for m in run.methods if any(one.method == m for one in found)]
    read = [(one, json.loads(one.configuration)) for one in found]
    for place, (axes, (name, range_)) in enumerate(zip(panels, ranges.items(), strict=True)):
        points = [(one, float(values[name])) for one, values in read if name in values]
        for method in shown:
            _marks(axes, method, [point for point in points if point[0].method == method])
        axes.axvline(float(range_.default), color=style.INK, lw=0.6, ls=":", zorder=0)
        if range_.bounds.log:
            _logarithmic(axes, range_)
        axes.set_xlim(*_ends(range_))
        axes.set_xlabel(subject.parameter_of(cell, name))
        if place % columns == 0:
            axes.set_ylabel(subject.label_of(cell.objective))
    signs = [style.method_sign(m, subject.label(run, m)) for m in shown]
    style.legend(figure, [*signs, style.sign("ringed: the best of a study", "o", LARGE)])
    return Picture(f"ranges-{cell.id}", figure, _caption(run, cell, found), dark=True)


def _logarithmic(axes: Axes, range_: FloatRange | IntRange) -> None:
    """Of less than two decades the numbers are written out, at 1, 2 and 5."""
    axes.set_xscale("log")
    if range_.bounds.high / range_.bounds.low < 100:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _ends(range_: FloatRange | IntRange) -> tuple[float, float]:
    """A little beyond both, so that no mark is cut."""
    low, high = float(range_.bounds.low), float(range_.bounds.high)
    if range_.bounds.log:
        room = (high / low) ** 0.04
        return low / room, high * room
    room = 0.04 * (high - low)
    return low - room, high + room


def _marks(axes: Axes, method: str, points: Points) -> None:
    line = style.line(style.look(method)) | {"linestyle": "none", "markersize": SMALL}
    axes.plot([x for _, x in points], [one.value for one, _ in points], **line, alpha=0.8, zorder=2)
    best = [(x, one.value) for one, x in points if one.best]
    ring = line | {"markersize": LARGE, "markeredgewidth": 0.8, "markeredgecolor": style.INK}
    axes.plot([x for x, _ in best], [y for _, y in best], **ring, zorder=3)


def _caption(run: Subject, cell: Cell, found: Sequence[Tried]) -> str:
    studies = [s for s in run.studies if s.cell == cell.id]
    counts = ", ".join(
        f"{subject.label(run, name)} {sum(one.method == name for one in found)}"
        for name in methods.order({one.method for one in found})
    )
    parts = [
        f"The values of each range that were tried, and what they gave: {subject.place_of(cell)}, "
        f"{subject.better(cell.objective)}. Each mark is a configuration, and stands in every "
        "panel; ringed: the best of a study; dotted: the default.",
        f"Configurations: {counts}.",
        subject.numbers(run, studies),
        subject.answered(run, studies),
        subject.measured(run, [cell]),
    ]
    return " ".join(filter(None, parts))
