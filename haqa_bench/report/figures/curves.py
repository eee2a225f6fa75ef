"""What each method had found, and how far that was from the optimum, after so many evaluations."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from haqa_bench.cell import Cell
from haqa_bench.report import methods, statistics
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Drawing, NotDrawn, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.steps import Step, at
from haqa_bench.report.found.studies import StudyResult

FEWEST = 3
"""Evaluations below which there is no curve to see."""
BANDED = 6
"""Studies below which a median has no band; each study is a thin line instead."""
MOST = 6
"""Lines that a panel can hold; other methods are thin and grey."""
THIN: Any = {"linewidth": 0.45, "drawstyle": "steps-post"}
BAND = (
    f"Bands: 95 % bootstrap interval of the median, from {BANDED} studies on; below that, thin "
    "lines: each study."
)
What = Literal["best", "regret"]


class Point(NamedTuple):
    """The median over studies after so many evaluations, and the band around it, if there is
    one.
    """

    evaluations: int
    middle: float
    low: float | None
    high: float | None


Curve = Sequence[Point]
Studies = Mapping[str, Sequence[Step]]
Methods = Mapping[str, Studies]


class Line(NamedTuple):
    """A curve, and the methods that all lie on it; the first gives its look."""

    methods: Sequence[str]
    curve: Curve


def pictures(run: Subject) -> Iterator[Drawing]:
    """One for each cell on which a study made enough evaluations."""
    for cell in run.cells.values():
        steps = [s for s in run.steps if s.cell == cell.id]
        last = max((s.evaluations for s in steps), default=0)
        if last >= FEWEST:
            yield _drawing(run, cell, _studies(run, steps), last)


def lines(found: Methods, what: What, last: int) -> list[Line]:
    """The curve of each method, methods that lie on one another as one line."""
    same: dict[tuple[tuple[int, float], ...], list[str]] = {}
    curves = {name: _curve(studies, what, last) for name, studies in found.items()}
    for name, curve in curves.items():
        if curve:
            same.setdefault(tuple((p.evaluations, p.middle) for p in curve), []).append(name)
    return [Line(on, curves[on[0]]) for on in (_agents_first(names) for names in same.values())]


def leading(every: Sequence[Line], direction: str | None) -> list[Line]:
    """At most six lines: the agent's, random search's, and of the others those that ended best."""
    sign = -1 if direction == "maximize" else 1

    def order(line: Line) -> tuple[bool, bool, float]:
        return (
            "haqa" not in line.methods,
            "random" not in line.methods,
            sign * line.curve[-1].middle,
        )

    return sorted(every, key=order)[:MOST]


def _agents_first(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (methods.family(name) != "haqa", len(name)))


def _studies(run: Subject, steps: Sequence[Step]) -> Methods:
    """The steps of a cell by method and study; without methods that only say the default."""
    found: dict[str, dict[str, list[Step]]] = {}
    for step in steps:
        found.setdefault(step.method, {}).setdefault(step.study, []).append(step)
    return {name: found[name] for name in run.methods if name in found and name not in run.untuned}


def _drawing(run: Subject, cell: Cell, found: Methods, last: int) -> Drawing:
    name = f"curves-{cell.id}"
    best = lines(found, "best", last)
    if not _tells(best):
        who = ", ".join(subject.label(run, m) for line in best for m in line.methods)
        return NotDrawn(name, f"All methods are on one line: {who or 'none'}.")
    shown = leading(best, cell.objective.direction)
    kept = {m for line in shown for m in line.methods}
    regret = lines({m: s for m, s in found.items() if m in kept}, "regret", last)
    return _picture(run, cell, found, best, shown, regret)


def _tells(best: Sequence[Line]) -> bool:
    """Whether there is anything to see: two lines, or a method alone that finds something."""
    if len(best) == 1 and len(best[0].methods) == 1:
        return len({point.middle for point in best[0].curve}) > 1
    return len(best) > 1


def _picture(
    run: Subject,
    cell: Cell,
    found: Methods,
    best: Sequence[Line],
    shown: Sequence[Line],
    regret: Sequence[Line],
) -> Picture:
    figure, axes = style.panels(2 if regret else 1, style.COLUMN, 1.75, 1)
    axes[0].set_title(f"{subject.title_of(cell)}\n{subject.device_of(cell.hardware)}")
    axes[0].set_ylabel(subject.label_of(cell.objective))
    _draw(axes[0], found, best, shown, "best")
    default, optimum = _default(found), _optimum(run, cell)
    references = []
    if default is not None:
        references.append(axes[0].axhline(default, color=style.INK, linestyle=":", linewidth=0.9))
        references[-1].set_label(f"default, {style.digits(default)}")
    if optimum is not None:
        references.append(axes[0].axhline(optimum, color=style.INK, linestyle="--", linewidth=0.6))
        references[-1].set_label(f"best of the table, {style.digits(optimum)}")
    floor = None
    if regret:
        axes[1].set_ylabel("Regret, %")
        _draw(axes[1], found, regret, regret, "regret")
        axes[0].tick_params(labelbottom=False)
        floor = _log_down_to_zero(axes[1], regret)
    axes[-1].set_xlabel("Evaluations, the default's included")
    style.legend(figure, [*_handles(run, best, shown), *references])
    return Picture(
        f"curves-{cell.id}", figure, _caption(run, cell, best, shown, default, optimum, floor)
    )


def _default(found: Methods) -> float | None:
    first = [
        steps[0].best
        for studies in found.values()
        for steps in studies.values()
        if steps[0].best is not None
    ]
    return float(np.median(first)) if first else None


def _optimum(run: Subject, cell: Cell) -> float | None:
    known = [r.optimum for r in run.studies if r.cell == cell.id and r.optimum is not None]
    return known[0] if known else None


def _handles(run: Subject, best: Sequence[Line], shown: Sequence[Line]) -> list[Line2D]:
    handles = [
        Line2D([], [], **style.line(style.look(line.methods[0])), label=_named(run, line))
        for line in shown
    ]
    others = [m for line in best if line not in shown for m in line.methods]
    if others:
        words = f"{len(others)} others" if len(others) > 1 else subject.label(run, others[0])
        handles.append(Line2D([], [], color=style.PALE, linewidth=0.7, label=words))
    return handles


def _named(run: Subject, line: Line) -> str:
    """The methods on a line; the rest is named in the caption where there are many."""
    first, *others = (subject.label(run, name) for name in line.methods)
    if len(others) > 1:
        return f"{first} and {len(others)} more"
    return " = ".join([first, *others])


def _curve(studies: Studies, what: What, last: int) -> Curve:
    points = []
    for evaluations in range(1, last + 1):
        reached = [
            step for steps in studies.values() if (step := at(steps, "evaluations", evaluations))
        ]
        values = [v for step in reached if (v := getattr(step, what)) is not None]
        kept = tuple(v for v in values if math.isfinite(v))
        if kept:
            points.append(Point(evaluations, float(np.median(kept)), *_band(kept)))
    return points


@lru_cache(maxsize=10_000)
def _band(values: tuple[float, ...]) -> tuple[float | None, float | None]:
    interval = statistics.median_interval(values) if len(values) >= BANDED else None
    return (interval.low, interval.high) if interval else (None, None)


def _draw(
    axes: Axes, found: Methods, every: Sequence[Line], shown: Sequence[Line], what: What
) -> None:
    for line in every:
        if line not in shown:
            axes.plot(*_points(line.curve), color=style.PALE, **THIN, zorder=1)
    for place, line in enumerate(reversed(shown)):  # the agent's on top
        look = style.look(line.methods[0])
        for name in line.methods:
            _spread(axes, found[name], what, methods.colour(name))
        axes.plot(
            *_points(line.curve),
            **style.line(look),
            drawstyle="steps-post",
            markevery=(place % 4, 4),  # not all at the same evaluation: they would hide each other
            zorder=3,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=2))


def _points(curve: Curve) -> tuple[list[int], list[float]]:
    return [p.evaluations for p in curve], [p.middle for p in curve]


def _spread(axes: Axes, studies: Studies, what: What, colour: str) -> None:
    """The band around a method's median, or each study where there are too few."""
    last = max(step.evaluations for steps in studies.values() for step in steps)
    banded = [p for p in _curve(studies, what, last) if p.low is not None and p.high is not None]
    if banded:
        x = [p.evaluations for p in banded]
        low, high = [p.low or 0.0 for p in banded], [p.high or 0.0 for p in banded]
        axes.fill_between(x, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    elif len(studies) > 1:
        for name, steps in studies.items():
            one = _curve({name: steps}, what, last)
            axes.plot(*_points(one), color=colour, alpha=0.5, **THIN, zorder=2)


def _log_down_to_zero(axes: Axes, every: Sequence[Line]) -> float:
    """A logarithmic axis in %, that is linear below the power of ten that the least regret lies
    above, so that 0 has a place.
    """
    least = min((p.middle for line in every for p in line.curve if p.middle > 0), default=0.001)
    floor = 10.0 ** math.floor(math.log10(least))
    axes.set_yscale("symlog", linthresh=floor, linscale=0.5)
    axes.set_ylim(-floor / 6, None)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    return floor


def _caption(
    run: Subject,
    cell: Cell,
    best: Sequence[Line],
    shown: Sequence[Line],
    default: float | None,
    optimum: float | None,
    floor: float | None,
) -> str:
    results = [r for r in run.studies if r.cell == cell.id]
    goal = cell.objective
    parts = [
        f"Best {goal.metric} found so far, in {goal.unit} ({subject.better(goal)}), "
        f"against evaluations: {subject.place_of(cell)}.",
        f"Lines: median over studies. {BAND if _few_or_many(results) else ''}",
        *_coincident(run, best),
        _others(run, [line for line in best if line not in shown], goal.unit),
        "A study that has ended stays where it is; one that has found nothing feasible "
        "yet is left out.",
        f"Dotted: the default, {default:.4g} {goal.unit}."
        if default is not None
        else "The default was not feasible.",
        f"Dashed: the best of the whole response table, {optimum:.4g} {goal.unit}."
        if optimum is not None
        else "",
        subject.measured(run, [cell]),
        subject.numbers(run, results),
        subject.answered(run, results),
    ]
    if floor is not None:
        parts.append(
            "Regret: distance from the best value of the whole response table, as a "
            "share of it; its axis is logarithmic above "
            f"{100 * floor:g} % and linear below, so that 0, the optimum, has a place."
        )
    return " ".join(filter(None, (part.strip() for part in parts)))


def _few_or_many(results: Sequence[StudyResult]) -> bool:
    """Whether any method has more than one study, so that there is a spread to tell of."""
    names = [r.method for r in results]
    return any(names.count(name) > 1 for name in set(names))


def _coincident(run: Subject, best: Sequence[Line]) -> Iterator[str]:
    for line in best:
        first, *others = (subject.label(run, name) for name in line.methods)
        if others:
            verb = "lie" if len(others) > 1 else "lies"
            yield f"{', '.join(others)} {verb} under {first}."


def _others(run: Subject, left_out: Sequence[Line], unit: str) -> str:
    ends = [
        f"{subject.label(run, name)} {line.curve[-1].middle:.4g}"
        for line in left_out
        for name in line.methods
    ]
    return f"Thin and grey, with what they ended at in {unit}: {', '.join(ends)}." if ends else ""
