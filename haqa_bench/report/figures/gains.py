"""What tuning gained over the default: what was confirmed in front, what tuning saw behind it.

What tuning reports is the largest of many noisy numbers, and so too large. Winners that were
measured again say what they are worth; gains of cells without such are drawn hollow.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from haqa_bench.arithmetic.estimate import SPEEDS
from haqa_bench.cell import Cell
from haqa_bench.report import statistics, traits
from haqa_bench.report.figures import scales, style, subject
from haqa_bench.report.figures.confirmed import Confirmed, Unit
from haqa_bench.report.figures.style import Drawing, NotDrawn, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.trial import Goal

COLUMNS, MOST = 3, 12
"""Panels beside each other, and in one figure."""
TALL = 0.17
"""Inches of a method's row."""
LONG = 18
"""Letters of a name, above which a panel alone has the width of a page."""
TEST = "test accuracy"


class Tuned(NamedTuple):
    """What tuning saw: the median over the studies of a method, the least and the largest, and how
    many studies there are.
    """

    middle: float
    low: float
    high: float
    n: int


class Kind(NamedTuple):
    """What one axis holds: the gain in a metric, as times or as a difference in `unit`."""

    track: str
    metric: str
    times: bool
    unit: str


class Row(NamedTuple):
    """A method on a cell; None where it was not confirmed, or where tuning saw another metric."""

    tuned: Tuned | None
    confirmed: Confirmed | None


Rows = Mapping[str, Row]


def pictures(run: Subject) -> Iterator[Drawing]:
    """For each track and metric a panel a cell; several figures where there are many cells."""
    groups: dict[Kind, list[tuple[Cell, Rows]]] = {}
    for cell in run.cells.values():
        if traits.walked(cell):  # decisions are right or wrong, they gain nothing
            for kind, rows in _kinds(run, cell):
                groups.setdefault(kind, []).append((cell, rows))
    for kind, found in groups.items():
        shown = [(cell, rows) for cell, rows in found if _gains(rows)]
        flat = [(cell, rows) for cell, rows in found if not _gains(rows)]
        name = f"gains-{kind.track}-{kind.metric.replace('_', '-').replace(' ', '-')}"
        if not shown:
            yield NotDrawn(name, _nothing(kind, flat))
        for number, part in enumerate(_split(shown), 1):
            numbered = f"{name}-{number}" if len(shown) > MOST else name
            yield _picture(run, numbered, kind, part, flat)


def tuned(run: Subject, cell: Cell) -> Mapping[str, Tuned]:
    """By method, how much better the best of each study is than the same study's default."""
    found: dict[str, list[float]] = {}
    ends = {step.study: step.best for step in run.steps if step.cell == cell.id}
    for step in run.steps:
        last = ends.get(step.study)
        first = step.cell == cell.id and step.proposals == 1
        if first and step.best is not None and last is not None:
            gained = gain(cell.objective, step.best, last)
            if not math.isnan(gained):
                found.setdefault(step.method, []).append(gained)
    return {
        name: Tuned(
            float(np.median(found[name])), min(found[name]), max(found[name]), len(found[name])
        )
        for name in run.methods
        if name in found and name not in run.untuned
    }


def gain(goal: Goal, default: float, best: float) -> float:
    """How many times as fast as the default, NaN where either is 0; of what is no speed, the
    difference.
    """
    if goal.unit in SPEEDS:
        return statistics.times_better(best, default, goal.direction) or float("nan")
    return statistics.gain(best, default, goal.direction)


def said(value: float, times: bool) -> str:
    """A gain as it is printed: 1.40x, +2.31."""
    return f"{value:.2f}\N{MULTIPLICATION SIGN}" if times else f"{value:+#.3g}"


def _kinds(run: Subject, cell: Cell) -> Iterator[tuple[Kind, Rows]]:
    """The axes that a cell has a panel on: one, or two where winners are tested in another metric
    than tuning saw.
    """
    seen = tuned(run, cell)
    again = {m: run.confirmed[cell.id, m] for m in seen if (cell.id, m) in run.confirmed}
    goal = cell.objective
    paired = {m: c for m, c in again.items() if c.unit == "times"}
    if tested := {m: Row(None, c) for m, c in again.items() if c.unit == "points"}:
        yield Kind(cell.track, TEST, False, "percentage points"), tested
    if seen:
        kind = Kind(cell.track, goal.metric, goal.unit in SPEEDS, _unit(goal))
        yield kind, {m: Row(t, paired.get(m)) for m, t in seen.items()}


def _unit(goal: Goal) -> str:
    """Of a difference: what is between two shares is not in percent."""
    return "percentage points" if goal.unit == "%" else subject.unit_of(goal)


def _gains(rows: Rows) -> bool:
    """Whether there is anything to see: a winner that beats the default, or, where none was
    confirmed, that tuning saw one.
    """
    again = [row.confirmed for row in rows.values() if row.confirmed]
    if again:
        return any(found.better for found in again) or again[0].unit == "points"
    neutral = {row.tuned.middle for row in rows.values() if row.tuned}
    return not neutral <= {0.0, 1.0}


def _split(cells: Sequence[tuple[Cell, Rows]]) -> Iterator[Sequence[tuple[Cell, Rows]]]:
    """In equal parts that fit a page."""
    parts = -(-len(cells) // MOST)
    size = -(-len(cells) // parts) if parts else 1
    yield from (cells[i : i + size] for i in range(0, len(cells), size))


def _picture(
    run: Subject,
    name: str,
    kind: Kind,
    shown: Sequence[tuple[Cell, Rows]],
    flat: Sequence[tuple[Cell, Rows]],
) -> Picture:
    names = [m for m in run.methods if any(m in rows for _, rows in shown)]
    columns = min(COLUMNS, len(shown))
    longest = max(len(subject.label(run, m)) for m in names)
    width = style.PAGE if columns > 1 or longest > LONG else style.COLUMN
    figure, panels = style.panels(len(shown), width, 0.5 + TALL * len(names), columns)
    limits = scales.limits([v for _, rows in shown for v in _ends(rows)], kind.times)
    devices = {subject.device_of(cell.hardware) for cell, _ in shown}
    for place, (axes, (cell, rows)) in enumerate(zip(panels, shown, strict=True)):
        title = subject.title_of(cell)
        if len(devices) > 1:
            title += f"\n{subject.short(cell.hardware)}"
        axes.set_title(title + (" (simulated)" if cell.simulated else ""))
        for level, method in enumerate(names):
            if method in rows:
                _row(axes, level, method, rows[method], kind.times)
        scales.gains(axes, limits, kind.times)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), [subject.label(run, m) for m in names])
        axes.tick_params(axis="y", length=0, labelleft=place % columns == 0)
        if place + columns >= len(shown):
            axes.set_xlabel(_axis(kind))
    style.legend(figure, _legend([row for _, rows in shown for row in rows.values()]))
    return Picture(name, figure, _caption(run, kind, shown, flat))


def _ends(rows: Rows) -> Iterator[float]:
    for row in rows.values():
        if row.tuned:
            yield from (row.tuned.low, row.tuned.high)
        for winner in row.confirmed.winners if row.confirmed else ():
            yield from (winner.low, winner.high)


def _row(axes: Axes, level: int, method: str, row: Row, times: bool) -> None:
    look = style.look(method)
    below = 0.0 if row.confirmed is None or row.tuned is None else -0.24
    if row.tuned:
        colour = look.colour if row.confirmed is None else style.PALE
        axes.hlines(level + below, row.tuned.low, row.tuned.high, color=colour, linewidth=0.7)
        axes.plot(row.tuned.middle, level + below, "D", ms=2.8, mfc="white", mec=colour, mew=0.7)
    if row.confirmed:
        winners(axes, level, row.confirmed, look)
    axes.text(
        1.02,
        level,
        _numbers(row, times),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=style.SMALL,
    )


def winners(
    axes: Axes, level: float, found: Confirmed, look: style.Look, room: float = 0.5
) -> None:
    """Each winner of a method and its interval, below each other in a row; hollow where it does
    not beat the default.
    """
    ordered = sorted(found.winners, key=lambda winner: -winner.gain)
    for place, winner in enumerate(ordered):
        y = level + room * ((place + 0.5) / len(ordered) - 0.5) + 0.06
        axes.hlines(y, winner.low, winner.high, color=look.colour, linewidth=1.1, zorder=3)
        face = look.colour if winner.better else "white"
        axes.plot(winner.gain, y, "o", ms=3.2, mfc=face, mec=look.colour, mew=0.8, zorder=4)


def _numbers(row: Row, times: bool) -> str:
    if row.confirmed:
        found = row.confirmed
        return f"{said(found.middle, times)}, {found.better} of {found.studies}"
    return f"{said(row.tuned.middle, times)}, n {row.tuned.n}" if row.tuned else ""


def _axis(kind: Kind) -> str:
    return "Times as fast as the default" if kind.times else f"Gain over the default, {kind.unit}"


def _legend(rows: Sequence[Row]) -> list[Line2D]:
    signs = []
    if any(row.confirmed for row in rows):
        signs += [style.sign("beats the default", "o", 3.2, face=style.INK)]
        signs += [style.sign("does not", "o", 3.2, face="white")]
    if any(row.tuned for row in rows):
        words = "as tuning saw it, not confirmed"
        signs.append(style.sign(words, "D", 2.8, style.PALE, "white"))
    return signs


def _nothing(kind: Kind, flat: Sequence[tuple[Cell, Rows]]) -> str:
    """Cells on which nothing gains, in a sentence."""
    if not flat:
        return ""
    cells = "; ".join(
        f"{subject.title_of(cell)} on {subject.device_of(cell.hardware)}{_saw(kind, rows)}"
        for cell, rows in flat
    )
    return f"Not drawn, since no method has a gain in {kind.metric} there: {cells}."


def _saw(kind: Kind, rows: Rows) -> str:
    """What tuning saw where none of it was confirmed."""
    again = [row.confirmed for row in rows.values() if row.confirmed]
    most = max((row.tuned.middle for row in rows.values() if row.tuned), default=0.0)
    if not again or most in (0.0, 1.0):
        return ""
    return f" (tuning saw up to {said(most, kind.times)}, and no winner was confirmed)"


def _caption(
    run: Subject,
    kind: Kind,
    shown: Sequence[tuple[Cell, Rows]],
    flat: Sequence[tuple[Cell, Rows]],
) -> str:
    ids = {cell.id for cell, _ in shown}
    studies = [s for s in run.studies if s.cell in ids]
    units: set[Unit] = {
        row.confirmed.unit for _, rows in shown for row in rows.values() if row.confirmed
    }
    parts = [
        f"Gains in {kind.metric} over the default, {kind.track} track.",
        *(_EVIDENCE[unit] for unit in sorted(units)),
        _SEEN if any(row.tuned for _, rows in shown for row in rows.values()) else "",
        "Dotted: the default.",
        f"Source: {subject.sources(studies)}.",
        subject.measured(run, [cell for cell, _ in shown]),
        *(f"{subject.place_of(cell)}: {_told(run, rows, kind)}." for cell, rows in shown),
        _nothing(kind, flat),
        subject.answered(run, studies),
    ]
    return " ".join(filter(None, parts))


_EVIDENCE: Mapping[Unit, str] = {
    "times": "Circles with intervals: each winner of a study against the default in interleaved "
    "pairs, apart from the tuning; the median pair and its 95 % bootstrap interval. Filled: the "
    "whole interval is above 1, of six pairs at least. Beside: the median over studies, where a "
    "winner that does not beat the default counts as 1; and how many studies' winners beat it.",
    "points": "Circles with intervals: each winner of a study, trained anew with seeds that no "
    "tuning has seen and tested, less the default with the same; mean over seeds, 95 % "
    "interval over items. Filled: ahead with every seed, and by more than that interval. Beside: "
    "the median over studies, and how many studies' winners beat the default.",
}
_SEEN = (
    "Diamonds: the best that tuning itself saw over the same study's default, median, least and "
    "largest over studies; the largest of many noisy values, and so too large."
)


def _told(run: Subject, rows: Rows, kind: Kind) -> str:
    times = "x" if kind.times else f" {kind.unit}"
    parts = []
    for name, row in rows.items():
        words = []
        if row.confirmed:
            found = row.confirmed
            form = f"{found.middle:.2f}" if kind.times else f"{found.middle:+.2f}"
            tested = dict.fromkeys(w.n for w in found.winners)
            of = f", n {', '.join(map(str, tested))}" if tested else ""
            words.append(f"confirmed {form}{times} ({found.better} of {found.studies} studies{of})")
        if row.tuned:
            saw = row.tuned
            words.append(
                f"tuning {style.digits(saw.middle)}{times} (n {saw.n}, {style.digits(saw.low)} to "
                f"{style.digits(saw.high)})"
            )
        parts.append(f"{subject.label(run, name)} {', '.join(words)}")
    return "; ".join(parts)
