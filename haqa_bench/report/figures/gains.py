"""What tuning gained in each cell: how many times as fast as the default, or, of what is no speed,
the difference to it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from haqa_bench.arithmetic.estimate import SPEEDS
from haqa_bench.cell import Cell
from haqa_bench.report import statistics, traits
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.trial import Goal

COLUMNS, MOST = 3, 12
"""Panels beside each other, and in one figure."""


class Gain(NamedTuple):
    """The median over the studies of a method, the least and the largest, and how many studies
    there are.
    """

    middle: float
    low: float
    high: float
    n: int


Gains = Mapping[str, Gain]


def pictures(run: Subject) -> Iterator[Picture]:
    """For each track and metric, a panel a cell; several figures where there are many cells."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in run.cells.values():
        if traits.walked(cell) and _gains(
            run, cell
        ):  # decisions are right or wrong, they gain nothing
            groups.setdefault((cell.track, cell.objective.metric), []).append(cell)
    for (track, metric), cells in groups.items():
        parts = list(_split(cells))
        for number, part in enumerate(parts, 1):
            name = f"gains-{track}-{metric.replace('_', '-')}" + (
                f"-{number}" if len(parts) > 1 else ""
            )
            yield _picture(run, name, part)


def _split(cells: Sequence[Cell]) -> Iterator[Sequence[Cell]]:
    """In equal parts that fit a page."""
    parts = -(-len(cells) // MOST)
    size = -(-len(cells) // parts)
    yield from (cells[i : i + size] for i in range(0, len(cells), size))


def _gains(run: Subject, cell: Cell) -> Gains:
    found: dict[str, list[float]] = {}
    ends = {step.study: step.best for step in run.steps if step.cell == cell.id}
    for step in run.steps:
        last = ends.get(step.study)
        if (
            step.cell == cell.id
            and step.proposals == 1
            and step.best is not None
            and last is not None
        ):
            found.setdefault(step.method, []).append(_gain(cell.objective, step.best, last))
    untuned = {r.method for r in run.studies if r.optimizer == "default"}
    return {
        name: Gain(
            float(np.median(found[name])), min(found[name]), max(found[name]), len(found[name])
        )
        for name in run.looks
        if name in found and name not in untuned
    }


def _gain(goal: Goal, default: float, best: float) -> float:
    if goal.unit in SPEEDS:
        return statistics.times_better(best, default, goal.direction)
    return statistics.gain(best, default, goal.direction)


def _picture(run: Subject, name: str, cells: Sequence[Cell]) -> Picture:
    found = {cell.id: _gains(run, cell) for cell in cells}
    methods = [m for m in run.looks if any(m in gains for gains in found.values())]
    columns = min(COLUMNS, len(cells))
    figure, panels = style.panels(
        len(cells), style.PAGE if columns > 1 else style.COLUMN, 0.62 + 0.15 * len(methods), columns
    )
    goal = cells[0].objective
    for place, (axes, cell) in enumerate(zip(panels, cells, strict=True)):
        studies = [s for s in run.studies if s.cell == cell.id]
        axes.set_title(
            f"{subject.title_of(cell)}\n{cell.hardware.name}, {subject.sources(studies)}"
        )
        _bars(run, axes, cell, methods, found[cell.id])
        axes.tick_params(labelleft=place % columns == 0)
    figure.supxlabel(_axis(goal), fontsize=style.SETTINGS["axes.labelsize"])
    return Picture(name, figure, _caption(run, cells, found))


def _bars(run: Subject, axes: Axes, cell: Cell, methods: Sequence[str], gains: Gains) -> None:
    speed, hatch = cell.objective.unit in SPEEDS, style.SIMULATED if cell.simulated else None
    widest = max(g.high for g in gains.values())
    for place, name in enumerate(methods):
        if gain := gains.get(name):
            axes.barh(
                place,
                gain.middle,
                height=0.66,
                color=run.looks[name].colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
            )
            axes.hlines(place, gain.low, gain.high, color=style.INK, linewidth=0.8)
            said = (
                f"{gain.middle:.2f}\N{MULTIPLICATION SIGN}"
                if speed
                else f"+{style.digits(gain.middle)}"
            )
            axes.text(
                gain.high + 0.03 * widest,
                place,
                f"{said}, n {gain.n}",
                va="center",
                fontsize=style.SMALL,
            )
    axes.axvline(1 if speed else 0, color=style.INK, linestyle=":", linewidth=0.8)
    axes.set_xlim(0, 1.45 * widest if widest else 1)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.set_yticks(range(len(methods)), methods)
    axes.tick_params(axis="y", length=0)


def _axis(goal: Goal) -> str:
    return (
        "Times the default's speed"
        if goal.unit in SPEEDS
        else f"Gain over the default, {_unit(goal)}"
    )


def _unit(goal: Goal) -> str:
    """Of a difference: what is between two shares is not in percent."""
    return "percentage points" if goal.unit == "%" else subject.unit_of(goal)


def _caption(run: Subject, cells: Sequence[Cell], found: Mapping[str, Gains]) -> str:
    goal = cells[0].objective
    what = (
        "the best as many times as fast as"
        if goal.unit in SPEEDS
        else f"how much better, in {_unit(goal)}, the best is than"
    )
    studies = [s for s in run.studies if s.cell in found]
    parts = [
        f"What tuning gained in {goal.metric}: {what} the default of the same study "
        f"({cells[0].track} track).",
        "Bars: median over studies; whiskers: least and largest; n: studies; dotted: "
        "the default; hatched: simulated.",
        f"Source: {subject.sources(studies)}.",
        *(f"{subject.place_of(cell)}: {_numbers(found[cell.id], goal)}." for cell in cells),
        subject.answered(studies),
    ]
    return " ".join(filter(None, parts))


def _numbers(gains: Gains, goal: Goal) -> str:
    times = "x" if goal.unit in SPEEDS else f" {_unit(goal)}"
    return ", ".join(
        f"{name} {style.digits(g.middle)}{times} (n {g.n}, {style.digits(g.low)} to "
        f"{style.digits(g.high)})"
        for name, g in gains.items()
    )
