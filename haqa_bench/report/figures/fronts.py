"""Cells with several goals: the front, and what each method's trials measured, goal against
goal.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from haqa_bench.cell import Cell
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.fronts import Floats, fronts


def pictures(run: Subject) -> Iterator[Picture]:
    """One for each cell with several goals, a panel for each two of them."""
    for scored in fronts(run.run, run.project):
        methods = {
            name: np.concatenate(list(scored.methods[name].values()))
            for name in run.looks
            if name in scored.methods
        }
        known = scored.front.points if scored.front.exact else None
        yield _picture(run, run.cells[scored.cell], methods, known)


def staircase(points: Floats) -> Floats:
    """The corners of the front of `points` in two scores, larger is better, from the best in the
    first to the best in the second.
    """
    kept: list[Sequence[float]] = []
    for x, y in sorted(map(tuple, points.tolist()), reverse=True):
        if not kept or y > kept[-1][1]:
            kept += [(x, kept[-1][1]), (x, y)] if kept else [(x, y)]
    return np.array(kept)


def _picture(
    run: Subject, cell: Cell, methods: Mapping[str, Floats], known: Floats | None
) -> Picture:
    front = np.concatenate(list(methods.values())) if known is None else known
    pairs = list(combinations(range(len(cell.objective.goals)), 2))
    figure, panels = style.panels(
        len(pairs), style.COLUMN if len(pairs) == 1 else style.PAGE, 2.3, min(3, len(pairs))
    )
    for axes, pair in zip(panels, pairs, strict=True):
        _draw(run, axes, cell, methods, front, pair)
    figure.suptitle(
        f"{subject.title_of(cell)}, {cell.hardware.name}", fontsize=style.SETTINGS["axes.titlesize"]
    )
    line = Line2D(
        [],
        [],
        color=style.INK,
        label=f"front, {'exact' if known is not None else 'of all that was found'}",
    )
    points = [
        Line2D([], [], **style.line(run.looks[name]) | {"linestyle": "none"}, label=name)
        for name in methods
    ]
    style.legend(figure, [line, *points])
    return Picture(f"front-{cell.id}", figure, _caption(run, cell, methods, known))


def _draw(
    run: Subject,
    axes: Axes,
    cell: Cell,
    methods: Mapping[str, Floats],
    front: Floats,
    pair: tuple[int, int],
) -> None:
    goals = [cell.objective.goals[i] for i in pair]
    signs = np.array([1 if goal.direction == "maximize" else -1 for goal in goals])
    stairs = staircase(front[:, pair]) * signs
    axes.plot(*stairs.T, color=style.INK, linewidth=1, zorder=2)
    for name, scores in methods.items():
        shape = style.line(run.looks[name]) | {"linestyle": "none", "alpha": 0.8}
        axes.plot(
            *(scores[:, pair] * signs).T, **shape, zorder=4 if name in ("default", "haqa") else 3
        )
    for axis, goal in zip((axes.xaxis, axes.yaxis), goals, strict=True):
        axis.set_label_text(
            f"{subject.label_of(goal)} "
            f"({'more' if goal.direction == 'maximize' else 'less'} is better)"
        )


def _caption(run: Subject, cell: Cell, methods: Mapping[str, Floats], known: Floats | None) -> str:
    goals = "; ".join(
        f"{goal.metric} in {goal.unit}, {subject.better(goal)}" for goal in cell.objective.goals
    )
    seen = ", as far as these two goals go" if len(cell.objective.goals) > 2 else ""
    of_what = (
        f"the exact front of the whole response table, {len(known)} points"
        if known is not None
        else "the front of all that these studies found"
    )
    results = [r for r in run.studies if r.cell == cell.id]
    parts = [
        f"Goals against each other ({goals}): {subject.place_of(cell)}. Line: {of_what}{seen}.",
        "Points: every feasible trial of all studies "
        f"({', '.join(f'{name} {len(scores)}' for name, scores in methods.items())}).",
        subject.numbers(results),
        subject.answered(results),
    ]
    return " ".join(filter(None, parts))
