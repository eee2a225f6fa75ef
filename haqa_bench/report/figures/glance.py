"""A run at a glance: of each cell the default, the best of each method, and what was confirmed of
the agent's gain.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haqa_bench.arithmetic.estimate import SPEEDS, Interval
from haqa_bench.cell import Cell
from haqa_bench.report import methods, traits
from haqa_bench.report.figures import gains, scales, style, subject
from haqa_bench.report.figures.confirmed import NOTHING, Confirmed
from haqa_bench.report.figures.style import Drawing, NotDrawn, Picture
from haqa_bench.report.figures.subject import Subject

TALL, MARK = 0.21, 0.07
"""Inches of a cell's row at least, and of a mark in it."""
MOST = 4
"""Rows of a panel, above which they do not grow with their marks."""
NEAR = 0.012
"""As a share of an axis: marks that are closer stand above each other."""
AROUND = 0.7
"""Inches of a panel beside its rows."""


class Gain(NamedTuple):
    """A method over the default of a cell, the median over studies; `around` is the 95 % interval
    of the winner that it is of, None where nothing was confirmed, or the default is kept.
    """

    value: float
    around: Interval | None
    confirmed: bool
    n: int


class Scale(NamedTuple):
    """An axis: gains as times, or differences in a unit of a metric."""

    times: bool
    words: str


class Row(NamedTuple):
    """A cell: what its default has, in words, the gain of each method, and the methods whose
    winners were not tested where others' were.
    """

    cell: Cell
    scale: Scale
    default: str
    found: Mapping[str, Gain]
    untested: Sequence[str] = ()


def pictures(run: Subject) -> Iterator[Drawing]:
    """One of the whole run."""
    found = rows(run)
    if not found:
        yield NotDrawn(
            "glance", "It has no cell on which a method tunes something that its default has too."
        )
    else:
        yield Picture("glance", _drawn(run, found), _caption(run, found))


def rows(run: Subject) -> list[Row]:
    """Each cell of a run with a default, in the order of the suite."""
    every = (_row(run, cell) for cell in run.cells.values() if traits.walked(cell))
    return [row for row in every if row is not None]


def agent(run: Subject) -> str | None:
    """Whose gain is told in numbers: the agent's, or else that of the first with an LLM."""
    asked = {r.method for r in run.studies if r.answered_by}
    named = [name for name in run.methods if name in asked]
    return "haqa" if "haqa" in named else next(iter(named), None)


def _row(run: Subject, cell: Cell) -> Row | None:
    seen = gains.tuned(run, cell)
    if not seen:
        return None
    again = {m: run.confirmed[cell.id, m] for m in seen if (cell.id, m) in run.confirmed}
    if any(found.unit == "points" for found in again.values()):
        scale = Scale(False, "Test accuracy over the default's, points")
        found = {m: _confirmed(c) for m, c in again.items()}
    else:
        times = cell.objective.unit in SPEEDS
        words = "Times as fast as the default" if times else _difference(cell)
        scale = Scale(times, words)
        found = {m: Gain(t.middle, None, False, t.n) for m, t in seen.items()}
        found |= {m: _confirmed(c) for m, c in again.items()}
    tested = next((c.default for c in again.values() if c.default is not None), None)
    default = f"{tested:.1f} %" if tested is not None else _default(run, cell)
    return Row(cell, scale, default, found, [m for m in seen if m not in found])


def _difference(cell: Cell) -> str:
    return f"{subject.label_of(cell.objective)}: better than the default by"


def _confirmed(found: Confirmed) -> Gain:
    near = min(found.winners, key=lambda w: abs(w.gain - found.middle), default=None)
    kept = near is None or found.middle == NOTHING[found.unit]
    around = None if kept or near is None else Interval(near.low, near.high)
    return Gain(found.middle, around, True, found.studies)


def _default(run: Subject, cell: Cell) -> str:
    values = [s.best for s in run.steps if s.cell == cell.id and s.proposals == 1]
    known = [v for v in values if v is not None]
    unit = subject.unit_of(cell.objective)
    return f"{style.digits(known[0])} {unit}".strip() if known else "not feasible"


def _drawn(run: Subject, found: Sequence[Row]) -> Figure:
    groups: dict[Scale, list[Row]] = {}
    for row in found:
        groups.setdefault(row.scale, []).append(row)
    heights = [AROUND + _tall(of) * len(of) for of in groups.values()]
    figure = Figure(figsize=(style.PAGE, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(groups), 1, height_ratios=heights)
    for place, (scale, of) in enumerate(groups.items()):
        _panel(run, figure.add_subplot(grid[place, 0]), scale, of)
    shown = [m for m in run.methods if any(m in row.found for row in found)]
    handles = [style.method_sign(m, subject.label(run, m)) for m in shown]
    if any(not g.confirmed for row in found for g in row.found.values()):
        handles.append(style.sign("hollow: not confirmed", "o", 3.5))
    style.legend(figure, handles)
    return figure


def _panel(run: Subject, axes: Axes, scale: Scale, of: Sequence[Row]) -> None:
    told = agent(run)
    values = [v for row in of for g in row.found.values() for v in (g.value, *(g.around or ()))]
    ends = scales.limits(values, scale.times)
    for place, row in enumerate(of):
        axes.axhline(place, color="#eeeeee", linewidth=0.8, zorder=0)
        for name, aside in aside_of(row, ends, MARK / _tall(of)).items():
            _mark(axes, place, aside, name, row.found[name], name == told)
        words = _words(run, row, told)
        axes.text(
            1.015,
            place,
            words,
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=style.SMALL,
        )
    scales.gains(axes, ends, scale.times)
    several = len({row.cell.hardware.name for row in of}) > 1
    axes.set_yticks(range(len(of)), [_named(row, several) for row in of])
    axes.set_ylim(len(of) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(scale.words)


def aside_of(row: Row, ends: tuple[float, float], step: float) -> Mapping[str, float]:
    """By method, how far above or below the middle of a row its mark stands, so that marks that are
    close to each other do not hide each other; `step` is a mark's height in rows.
    """
    along = math.log if row.scale.times else float
    room = NEAR * (along(ends[1]) - along(ends[0]))
    stacks: list[list[str]] = []
    for name in sorted(row.found, key=lambda name: row.found[name].value):
        last = stacks[-1][-1] if stacks else None
        close = last is not None and (
            along(row.found[name].value) - along(row.found[last].value) < room
        )
        stacks = [*stacks[:-1], [*stacks[-1], name]] if close else [*stacks, [name]]
    return {
        name: min(step, 0.9 / len(stack)) * (place - (len(stack) - 1) / 2)
        for stack in stacks
        for place, name in enumerate(reversed(methods.order(stack)))
    }


def _tall(of: Sequence[Row]) -> float:
    """Inches of a row, which has room for marks above each other where there are few rows."""
    marks = max(len(row.found) for row in of)
    return max(TALL, min(MARK * marks, 0.6)) if len(of) <= MOST else TALL + 0.05


def _mark(axes: Axes, place: float, aside: float, name: str, gain: Gain, told: bool) -> None:
    look = style.look(name)
    line = style.line(look) | {"linestyle": "none", "clip_on": False}
    if told and gain.around:
        axes.hlines(
            place + aside, *gain.around, color=look.colour, linewidth=2.2, alpha=0.55, zorder=2
        )
    if not gain.confirmed:
        line |= {"markerfacecolor": "none", "markeredgecolor": look.colour, "markeredgewidth": 0.7}
    axes.plot(gain.value, place + aside, **line, zorder=4 if told else 3)


def _named(row: Row, several: bool) -> str:
    device = f", {subject.short(row.cell.hardware)}" if several else ""
    return f"{subject.title_of(row.cell)}{device}\ndefault {row.default}"


def _words(run: Subject, row: Row, told: str | None) -> str:
    if told is None or told not in row.found:
        return "simulated" if row.cell.simulated else ""
    gain = row.found[told]
    value = gains.said(gain.value, row.scale.times)
    if gain.around:
        low, high = (gains.said(end, row.scale.times) for end in gain.around)
        return f"{subject.label(run, told)} {value} ({low} to {high})"
    if gain.confirmed:
        return f"{subject.label(run, told)} {value}: default kept"
    return f"{subject.label(run, told)} {value}{', simulated' if row.cell.simulated else ''}"


def _caption(run: Subject, found: Sequence[Row]) -> str:
    ids = {row.cell.id for row in found}
    studies = [s for s in run.studies if s.cell in ids]
    told = agent(run)
    parts = [
        f"{run.run.suite.title or run.run.suite.name}: what each method gains over the default, "
        "median over studies. Dotted: the default.",
        "Filled: winners measured again, apart from the tuning (in pairs with the default, where "
        "a winner that does not beat it counts as 1; or trained anew and tested); hollow: as "
        "tuning saw it, which is too large.",
        f"Bar and numbers: {subject.label(run, told)}, and the 95 % interval of its winner."
        if told
        else "",
        *(f"{subject.place_of(row.cell)}: {_told(run, row)}." for row in found),
        subject.measured(run, [row.cell for row in found]),
        subject.numbers(run, studies),
        subject.answered(run, studies),
    ]
    return " ".join(filter(None, parts))


def _told(run: Subject, row: Row) -> str:
    said = ", ".join(
        f"{subject.label(run, name)} {gains.said(row.found[name].value, row.scale.times)}"
        for name in methods.order(row.found)
    )
    lost = ", ".join(subject.label(run, name) for name in row.untested)
    return f"default {row.default}; {said}{f'; not tested: {lost}' if lost else ''}"
