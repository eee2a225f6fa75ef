"""The way of each agent over a cell whose whole space was measured."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from haqa_bench.cell import Cell
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Drawing, Look, NotDrawn, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.figures.terrain import Landscape, landscape, place
from haqa_bench.report.found.paths import Stop, paths

BROAD = 1.7
"""Inches that a map is wide, about."""
APART = 0.1
"""Inches between numbers that do not touch."""
LETTERS = 28
"""Of a line of an axis' name."""
WIDE = 8.0
"""From how many times the least value on the colours are logarithmic."""


Way = Sequence[Stop]


def pictures(run: Subject) -> Iterator[Drawing]:
    """One for each agent on each cell that has a response table and two parameters, a panel a
    study; none of a space with a range.
    """
    ways: dict[str, dict[str, dict[int, list[Stop]]]] = {}
    for stop in paths(run.run):
        seeds = ways.setdefault(stop.cell, {}).setdefault(stop.method, {})
        seeds.setdefault(stop.seed, []).append(stop)
    for name, methods in ways.items():
        if not run.cells[name].space.finite:
            what = f"Its space has {run.cells[name].space.endless}, which has no map."
            yield NotDrawn(f"landscape-{name}", what)
        elif found := landscape(run.project, run.cells[name]):
            for method, studies in methods.items():
                yield _picture(run, run.cells[name], found, method, studies)


def _picture(
    run: Subject, cell: Cell, found: Landscape, method: str, studies: Mapping[int, Way]
) -> Picture:
    columns = min(3, len(studies))
    figure, panels = style.panels(
        len(studies), style.COLUMN if columns == 1 else style.PAGE, 0.75 + _height(found), columns
    )
    goal = cell.objective
    least, most = float(np.nanmin(found.best)), float(np.nanmax(found.best))
    scale = LogNorm(least, most) if least > 0 and most / least >= WIDE else Normalize(least, most)
    colours = matplotlib.colormaps["viridis" if goal.direction == "maximize" else "viridis_r"]
    for panel, (axes, (seed, way)) in enumerate(zip(panels, studies.items(), strict=True)):
        axes.set_title(f"seed {seed}")
        axes.pcolormesh(
            np.where(found.known, 1.0, np.nan),
            cmap="Greys",
            vmin=0,
            vmax=3,
            edgecolors="white",
            linewidth=0.5,
        )
        mesh = axes.pcolormesh(
            found.best, cmap=colours, norm=scale, edgecolors="white", linewidth=0.5
        )
        _ticks(axes, cell, found, panel % columns == 0)
        _way(axes, cell, found, way, style.look(method))
    figure.suptitle(
        f"{subject.label(run, method)} on {subject.title_of(cell)}, "
        f"{subject.device_of(cell.hardware)}\n{_others(cell, found)}",
        fontsize=style.SETTINGS["axes.titlesize"],
    )
    figure.colorbar(
        mesh, ax=panels, label=f"Best: {subject.label_of(goal)}", fraction=0.05, pad=0.01
    ).outline.set_visible(False)
    style.legend(figure, _signs(style.look(method)))
    return Picture(
        f"landscape-{cell.id}-{method}", figure, _caption(run, cell, found, method, studies)
    )


def _others(cell: Cell, found: Landscape) -> str:
    """What becomes of the parameters that are no axis."""
    names = [name for name in cell.space.root if name not in (found.across, found.up)]
    return f"each point: the best over {', '.join(names)}" if names else ""


def _of_optimum(cell: Cell, found: Landscape) -> str:
    return ", ".join(f"{name} {found.optimum[name]}" for name in cell.space.root)


def _height(found: Landscape) -> float:
    """Of a map, in inches."""
    return max(1.3, 0.19 * len(found.best))


def _ticks(axes: Axes, cell: Cell, found: Landscape, leftmost: bool) -> None:
    across, up = (
        [str(choice) for choice in cell.space.listable[name].choices]
        for name in (found.across, found.up)
    )
    style.name_columns(axes, [i + 0.5 for i in range(len(across))], across, BROAD / len(across))
    axes.set_yticks([i + 0.5 for i in range(len(up))], up)
    axes.set_xlabel(textwrap.fill(subject.parameter_of(cell, found.across), LETTERS))
    axes.tick_params(length=0, labelleft=leftmost)
    if leftmost:
        axes.set_ylabel(textwrap.fill(subject.parameter_of(cell, found.up), LETTERS))
    for spine in axes.spines.values():
        spine.set_visible(False)
    corner = place(cell, found.optimum, found.across), place(cell, found.optimum, found.up)
    axes.add_patch(
        Rectangle(corner, 1, 1, fill=False, edgecolor=style.INK, linewidth=1.4, zorder=2)
    )


def _way(axes: Axes, cell: Cell, found: Landscape, way: Way, look: Look) -> None:
    """The trials as numbers, side by side where they share a point of the map, joined by a line."""
    here: dict[tuple[int, int], list[Stop]] = {}
    for stop in way:
        if stop.proposed is not None:
            at = (
                place(cell, stop.proposed, found.across),
                place(cell, stop.proposed, found.up),
            )
            here.setdefault(at, []).append(stop)
    broad, tall = (
        BROAD / found.best.shape[1],
        _height(found) / len(found.best),
    )  # a point of the map in inches, about
    spots = {}
    for (x, y), stops in here.items():
        high = min(math.ceil((len(stops) * tall / broad) ** 0.5), max(1, int(tall / APART)))
        wide = -(-len(stops) // high)
        for i, stop in enumerate(stops):
            spots[stop.number] = (
                x + (i % wide + 0.5) / wide,
                y + 1 - (i // wide + 0.5) / high,
                stop.feasible,
            )
    order = [spots[number] for number in sorted(spots)]
    axes.plot(
        [x for x, _, _ in order],
        [y for _, y, _ in order],
        color=look.colour,
        linewidth=0.9,
        path_effects=style.halo(),
        zorder=3,
    )
    for number, (x, y, feasible) in spots.items():
        axes.plot(
            x,
            y,
            "o",
            color="white" if feasible else style.PALE,
            markeredgecolor=look.colour,
            markersize=7,
            mew=0.7,
            zorder=4,
        )
        axes.text(x, y, str(number), ha="center", va="center_baseline", fontsize=5, zorder=5)


def _signs(look: Look) -> list[Line2D | Patch]:
    circle: dict[str, Any] = {
        "color": "white",
        "marker": "o",
        "markersize": 7,
        "markeredgecolor": look.colour,
        "markeredgewidth": 0.7,
        "linestyle": "none",
    }
    return [
        Line2D([], [], **circle, label="trial, 0 is the default"),
        Line2D([], [], **circle | {"color": style.PALE}, label="not feasible, or failed"),
        Patch(facecolor=matplotlib.colormaps["Greys"](1 / 3), label="nothing feasible here"),
        Patch(facecolor="white", edgecolor=style.INK, linewidth=1.4, label="holds the optimum"),
    ]


def _caption(
    run: Subject, cell: Cell, found: Landscape, method: str, studies: Mapping[int, Way]
) -> str:
    results = [r for r in run.studies if r.cell == cell.id and r.method == method]
    lost = sum(stop.proposed is None for way in studies.values() for stop in way)
    table = ", ".join(sorted({r.source for r in results if r.source})) or "unknown"
    samples = (
        f"{found.used[0]}"
        if found.used[0] == found.used[1]
        else f"{found.used[0]} to {found.used[1]}"
    )
    parts = [
        f"The way of {subject.label(run, method)} over {subject.place_of(cell)}: "
        f"{found.up} against {found.across}, the two parameters with the largest "
        "main effect (variance of the marginal means).",
        f"Colour: the best {cell.objective.metric} ({cell.objective.unit}, "
        f"{subject.better(cell.objective)}) over all other parameters, of "
        f"{found.feasible} feasible of {cell.space.size} configurations of the response "
        f"table ({table}; n (samples of each): {samples}).",
        "" if found.known.all() else "White: the space has no configuration there.",
        f"The optimum: {_of_optimum(cell, found)}.",
        "Numbers: trials in their order; side by side where they differ in other "
        "parameters alone, or are equal.",
        f"{lost} proposals were no configuration and have no place." if lost else "",
        subject.measured(run, [cell]),
        subject.numbers(run, results),
        subject.answered(run, results),
    ]
    return " ".join(filter(None, parts))
