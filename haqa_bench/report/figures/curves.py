"""What each method had found, and how far that was from the optimum, after so many evaluations."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from haqa_bench.cell import Cell
from haqa_bench.report import statistics
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Look, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.steps import Step, at

FEWEST = 3
"""Evaluations below which there is no curve to see."""
BAND = (
    "Bands: 95 % bootstrap interval of the median from three studies on, least to largest "
    "of two, none of one."
)


class Point(NamedTuple):
    """The median over studies after so many evaluations, and the band around it."""

    evaluations: int
    middle: float
    low: float
    high: float


Curve = Sequence[Point]


def pictures(run: Subject) -> Iterator[Picture]:
    """One for each cell on which a study made enough evaluations."""
    for cell in run.cells.values():
        steps = [s for s in run.steps if s.cell == cell.id]
        last = max((s.evaluations for s in steps), default=0)
        if last >= FEWEST:
            yield _picture(run, cell, _studies(steps), last)


def _studies(steps: Sequence[Step]) -> Mapping[str, Mapping[str, Sequence[Step]]]:
    """The steps of a cell by method and study."""
    found: dict[str, dict[str, list[Step]]] = {}
    for step in steps:
        found.setdefault(step.method, {}).setdefault(step.study, []).append(step)
    return found


def _picture(
    run: Subject, cell: Cell, methods: Mapping[str, Mapping[str, Sequence[Step]]], last: int
) -> Picture:
    results = [r for r in run.studies if r.cell == cell.id]
    untuned = {
        r.method for r in results if r.optimizer == "default"
    }  # always the default: the dotted line
    kept = [name for name in run.looks if name in methods and name not in untuned]
    best = {name: _curve(methods[name], "best", last) for name in kept}
    regret = {name: curve for name in kept if (curve := _curve(methods[name], "regret", last))}
    default = [
        steps[0].best
        for studies in methods.values()
        for steps in studies.values()
        if steps[0].best is not None
    ]
    figure, axes = style.panels(2 if regret else 1, style.COLUMN, 1.65, 1)
    axes[0].set_title(f"{subject.title_of(cell)}, {cell.hardware.name}")
    axes[0].set_ylabel(subject.label_of(cell.objective))
    _draw(axes[0], best, run.looks)
    if default:
        axes[0].axhline(float(np.median(default)), color=style.INK, linestyle=":", linewidth=1)
    if regret:
        axes[1].set_ylabel("Regret, %")
        _draw(axes[1], regret, run.looks)
        axes[0].tick_params(labelbottom=False)
    axes[-1].set_xlabel("Evaluations, the default's included")
    floor = _log_down_to_zero(axes[1], regret) if regret else None
    handles = [Line2D([], [], **style.line(run.looks[name]), label=name) for name in kept]
    style.legend(
        figure, [*handles, Line2D([], [], color=style.INK, linestyle=":", label="default")]
    )
    return Picture(f"curves-{cell.id}", figure, _caption(run, cell, default, floor))


def _curve(studies: Mapping[str, Sequence[Step]], what: str, last: int) -> Curve:
    points = []
    for evaluations in range(1, last + 1):
        reached = [
            step for steps in studies.values() if (step := at(steps, "evaluations", evaluations))
        ]
        values = [
            v for step in reached if (v := getattr(step, what)) is not None and math.isfinite(v)
        ]
        if values:
            low, high = _band(tuple(values))
            points.append(Point(evaluations, float(np.median(values)), low, high))
    return points


@lru_cache(maxsize=10_000)
def _band(values: tuple[float, ...]) -> tuple[float, float]:
    interval = statistics.median_interval(values)
    return (interval.low, interval.high) if interval else (min(values), max(values))


def _draw(axes: Axes, curves: Mapping[str, Curve], looks: Mapping[str, Look]) -> None:
    for place, (name, curve) in enumerate(curves.items()):
        look, x = looks[name], [p.evaluations for p in curve]
        if any(p.low < p.high for p in curve):
            axes.fill_between(
                x,
                [p.low for p in curve],
                [p.high for p in curve],
                step="post",
                color=look.colour,
                alpha=0.07,
                linewidth=0,
            )
            for edge in ([p.low for p in curve], [p.high for p in curve]):
                axes.plot(
                    x,
                    edge,
                    drawstyle="steps-post",
                    color=look.colour,
                    linestyle=look.dashes,
                    linewidth=0.4,
                    alpha=0.7,
                )
        axes.plot(
            *(x, [p.middle for p in curve]),
            **style.line(look),
            drawstyle="steps-post",
            linewidth=2.2
            - 1.1
            * place
            / max(1, len(curves) - 1),  # what lies below another looks out from under it
            markevery=(
                place % 4,
                4,
            ),  # not all at the same evaluation, where they would hide each other
            zorder=3,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=2))


def _log_down_to_zero(axes: Axes, curves: Mapping[str, Curve]) -> float:
    """A logarithmic axis in %, that is linear below the power of ten that the least regret lies
    above, so that 0 has a place.
    """
    least = min(
        (v for curve in curves.values() for p in curve for v in (p.middle, p.low) if v > 0),
        default=0.001,
    )
    floor = 10.0 ** math.floor(math.log10(least))
    axes.set_yscale("symlog", linthresh=floor, linscale=0.5)
    axes.set_ylim(-floor / 6, None)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    return floor


def _caption(run: Subject, cell: Cell, default: Sequence[float], floor: float | None) -> str:
    results = [r for r in run.studies if r.cell == cell.id]
    goal = cell.objective
    parts = [
        f"Best {goal.metric} found so far, in {goal.unit} ({subject.better(goal)}), "
        f"against evaluations: {subject.place_of(cell)}.",
        f"Lines: median over studies. {BAND}",
        "A study that has ended stays where it is; one that has found nothing feasible "
        "yet is left out.",
        f"Dotted: the default, {float(np.median(default)):.4g} {goal.unit}."
        if default
        else "The default was not feasible.",
        subject.numbers(results),
        subject.answered(results),
    ]
    if floor is not None:
        parts.append(
            "Regret: distance from the best value of the whole response table, as a "
            "share of it; its axis is logarithmic above "
            f"{100 * floor:g} % and linear below, so that 0, the optimum, has a place."
        )
    return " ".join(filter(None, parts))
