"""Cells with several goals: the front of all goals, and how much of it each method found."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from haqa_bench.cell import Cell
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.fronts import Floats, Scored, fronts

COLUMNS = 3
"""Panels beside each other."""
COLOURS, FOUND, MISSED = "viridis", "#21918c", "#999999"
"""Of the last goal; and in the legend."""


def pictures(run: Subject) -> Iterator[Picture]:
    """One for each cell with several goals, a panel for each method that tunes."""
    for scored in fronts(run.run, run.project):
        names = [m for m in run.methods if m in scored.methods and m not in run.untuned]
        if names:
            yield _picture(run, run.cells[scored.cell], scored, names)


def _picture(run: Subject, cell: Cell, scored: Scored, names: Sequence[str]) -> Picture:
    whole = scored.front.points
    found = {m: np.concatenate(list(scored.methods[m].values())) for m in names}
    columns = min(COLUMNS, len(names))
    width = style.COLUMN if columns == 1 else style.PAGE
    figure, panels = style.panels(len(names), width, 1.7, columns)
    goals = cell.objective.goals
    default = _default(run, scored)
    for place, (axes, name) in enumerate(zip(panels, names, strict=True)):
        drawn = _panel(axes, cell, whole, found[name])
        axes.plot(*(default * _signs(cell))[:, :2].T, "x", color=style.INK, ms=4, mew=1, zorder=4)
        hit = _hits(whole, found[name])
        axes.set_title(f"{subject.label(run, name)}: {hit} of {len(whole)}")
        axes.tick_params(labelleft=place % columns == 0)
        if place % columns == 0:
            axes.set_ylabel(subject.label_of(goals[1]))
        axes.tick_params(labelbottom=place + columns >= len(names))
        if place + columns >= len(names):
            axes.set_xlabel(subject.label_of(goals[0]))
    for axes in panels[1:]:
        axes.sharex(panels[0])
        axes.sharey(panels[0])
    if len(goals) > 2:
        figure.colorbar(
            drawn, ax=panels, label=subject.label_of(goals[2]), fraction=0.03, pad=0.01
        ).outline.set_visible(False)
    title = f"{subject.title_of(cell)}, {subject.device_of(cell.hardware)}"
    figure.suptitle(title, fontsize=style.SETTINGS["axes.titlesize"])
    style.legend(figure, _legend(scored))
    return Picture(f"front-{cell.id}", figure, _caption(run, cell, scored, whole, found))


def _signs(cell: Cell) -> Floats:
    """What turns scores, larger is better, into values."""
    return np.array([1.0 if g.direction == "maximize" else -1.0 for g in cell.objective.goals])


def _default(run: Subject, scored: Scored) -> Floats:
    """The scores of the default; none where it is not feasible."""
    known = [of for m in run.untuned for of in scored.methods.get(m, {}).values()]
    return known[0] if known else np.empty((0, scored.front.points.shape[1]))


def _panel(axes: Axes, cell: Cell, whole: Floats, scores: Floats) -> PathCollection:
    """The whole front as rings; filled where the method was there, small where it was worse."""
    signs = _signs(cell)
    values, there = whole * signs, _there(whole, scores)
    last = values[:, min(2, len(signs) - 1)]
    axes.plot(*(scores * signs)[:, :2].T, ".", color=style.PALE, ms=2.5, zorder=1)
    x, y = values[~there, :2].T
    axes.scatter(x, y, s=13, facecolors="none", edgecolors=MISSED, linewidths=0.5)
    x, y = values[there, :2].T
    return axes.scatter(
        x,
        y,
        s=16,
        c=last[there],
        cmap=COLOURS,
        norm=Normalize(last.min(), last.max()),
        edgecolors=style.INK,
        linewidths=0.7,
        zorder=3,
    )


def _there(whole: Floats, scores: Floats) -> NDArray[np.bool_]:
    """Which points of the front are among what was tried."""
    return np.array([bool((scores == point).all(axis=1).any()) for point in whole])


def _hits(whole: Floats, scores: Floats) -> int:
    return int(_there(whole, scores).sum())


def _legend(scored: Scored) -> list[Line2D]:
    of = "the whole table" if scored.front.exact else "all that was found"
    return [
        style.sign("on the front, found", "o", 4, face=FOUND),
        style.sign(f"front of {of}, missed", "o", 3.6, MISSED),
        style.sign("other trials", "o", 1.5, style.PALE, style.PALE),
        style.sign("default", "x", 4),
    ]


def _caption(
    run: Subject, cell: Cell, scored: Scored, whole: Floats, found: Mapping[str, Floats]
) -> str:
    goals = "; ".join(
        f"{goal.metric} in {goal.unit}, {subject.better(goal)}" for goal in cell.objective.goals
    )
    of_what = (
        f"the exact front of the whole response table, {len(whole)} points"
        if scored.front.exact
        else f"the front of all that these studies found, {len(whole)} points"
    )
    results = [r for r in run.studies if r.cell == cell.id]
    told = "; ".join(
        f"{subject.label(run, name)} {_hits(whole, scores)} of {len(whole)} (studies' share of "
        f"its hypervolume {_shares(scored, name)})"
        for name, scores in found.items()
    )
    parts = [
        f"The front of all {len(cell.objective.goals)} goals ({goals}): {subject.place_of(cell)}.",
        f"Rings: {of_what}; filled where any study of the method measured that point; colour: "
        "the last goal. Small and grey: the method's other feasible trials.",
        f"Found by all studies together: {told}.",
        subject.measured(run, [cell]),
        subject.numbers(run, results),
        subject.answered(run, results),
    ]
    return " ".join(filter(None, parts))


def _shares(scored: Scored, name: str) -> str:
    shares = sorted(100 * scored.front.share(s) for s in scored.methods[name].values())
    if len(shares) == 1:
        return f"{shares[0]:.0f} %"
    return f"{shares[0]:.0f} to {shares[-1]:.0f} %"
