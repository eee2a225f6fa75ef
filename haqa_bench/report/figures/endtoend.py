"""The paper's figure 5 drawn of ours: how fast the default and what was tuned are, a row a model
and format, and beside it what pairs with the default leave of the gain.

A mark is hollow where the default is what to use: there the tuned number is one of many noisy ones,
and the largest.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from haqa_bench.cell import Cell
from haqa_bench.report.figures import gains, published, scales, style, subject
from haqa_bench.report.figures.confirmed import Confirmed
from haqa_bench.report.figures.published import Point
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.found.pairs import pairs, word_of
from haqa_bench.report.found.refused import refused
from haqa_bench.report.found.weights import label_of, median_bits, weights
from haqa_bench.report.published.document import PublishedTable

TUNED = ("random", "haqa")
"""The methods that stand beside the default, the last in front."""
ASIDE = {"random": 0.18, "haqa": -0.18}
"""How far below the middle of a row a method's marks lie."""
TALL = 0.22
"""Inches of a row."""
GAINS = ("better", None)
"""What is said of a winner that is drawn as one."""


class Mark(NamedTuple):
    """A method on a cell: its speed, the worst and the best study, and whether the default is what
    to use.
    """

    method: str
    value: float
    low: float
    high: float
    idle: bool


class Row(NamedTuple):
    """A cell: its bit-width with what is in the files, marks, what was confirmed by method, and in
    a few words what came of it.
    """

    cell: Cell
    label: str
    marks: Sequence[Mark]
    confirmed: Mapping[str, Confirmed]
    words: str


def figure(run: Subject, cells: Sequence[Cell], table: PublishedTable) -> Figure | None:
    """Two panels, speeds and gains; None where neither the agent nor random search has run."""
    rows = _rows(run, cells)
    if not any(mark.method in TUNED for row in rows for mark in row.marks):
        return None
    levels = _levels(rows)
    tall = 0.75 + TALL * (1 + max(levels.values()))
    made, (left, right) = style.panels(2, style.PAGE, tall, 2)
    _speeds(left, rows, levels, subject.label_of(cells[0].objective))
    bands = {p for cell in cells for p in published.points(table, run.run.cells[cell.id], "haqa")}
    _gains(right, rows, levels, sorted(bands))
    style.legend(made, _legend(run, rows, sorted(bands)))
    return made


def told(run: Subject, cells: Sequence[Cell]) -> str:
    """What is drawn, in words, a sentence for each cell."""
    found = {f"{row.cell.model_name} {row.label}": _said(run, row) for row in _rows(run, cells)}
    return " ".join(f"{name}: {said}." for name, said in found.items())


def _rows(run: Subject, cells: Sequence[Cell]) -> list[Row]:
    """Those of a model below each other."""
    models = list(dict.fromkeys(cell.model_name for cell in cells))
    return [_row(run, cell) for cell in sorted(cells, key=lambda c: models.index(c.model_name))]


def _row(run: Subject, cell: Cell) -> Row:
    known = {row.method: row for row in best(run.run) if row.cell == cell.id}
    default = next((row for row in known.values() if row.is_default), None)
    shown = [*([default] if default else []), *(known[name] for name in TUNED if name in known)]
    taken = pairs(run.run)
    marks = [_mark(row, word_of(row, taken) not in GAINS) for row in shown if row.best is not None]
    again = {
        mark.method: run.confirmed[cell.id, mark.method]
        for mark in marks
        if (cell.id, mark.method) in run.confirmed
    }
    return Row(cell, _label(run, cell, shown), marks, again, _came_of(run, cell, shown))


def _label(run: Subject, cell: Cell, shown: Sequence[Best]) -> str:
    taken, files = pairs(run.run), weights(run.run)
    gained = [w for r in shown if word_of(r, taken) == "better" for w in r.winners]
    untuned = [row.default_configuration for row in shown]
    ends = (median_bits(cell.id, untuned, files), median_bits(cell.id, gained, files))
    return label_of(run.run.cells[cell.id].bit_width, *ends)


def _mark(row: Best, idle: bool) -> Mark:
    value = row.best or 0.0
    ends = sorted((row.worst_study or value, row.best_study or value))
    return Mark(row.method, value, ends[0], ends[1], idle and not row.is_default)


def _came_of(run: Subject, cell: Cell, shown: Sequence[Best]) -> str:
    """Of the agent, or of random search where it has not run: the gain, or why there is none."""
    if one := refused(run.run).get(cell.id):
        return "\N{EN DASH} does not fit" if one.status == "oom" else "\N{EN DASH} not measured"
    tuned = [row for row in shown if not row.is_default]
    if not tuned:
        return ""
    word, again = word_of(tuned[-1], pairs(run.run)), run.confirmed.get((cell.id, tuned[-1].method))
    if word not in GAINS:
        return str(word)
    return gains.said(again.middle, True) if again else "not yet"


def _levels(rows: Sequence[Row]) -> dict[str, int]:
    """Where each row lies, by cell: below the name of its model."""
    found, level, model = {}, -1, ""
    for row in rows:
        level += 1 + (row.cell.model_name != model)
        model = row.cell.model_name
        found[row.cell.id] = level
    return found


def _speeds(axes: Axes, rows: Sequence[Row], levels: Mapping[str, int], label: str) -> None:
    model = ""
    for row in rows:
        level = levels[row.cell.id]
        if row.cell.model_name != model:
            model = row.cell.model_name
            place = axes.get_yaxis_transform()
            axes.text(0, level - 1, model, transform=place, va="center", fontweight="bold")
        if not row.marks:
            axes.text(0.02, level, row.words, transform=axes.get_yaxis_transform(), va="center")
        for mark in row.marks:
            _draw(axes, level, mark)
    axes.set_yticks([levels[row.cell.id] for row in rows], [row.label for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(levels.values()) + 0.6, -0.6)
    axes.set_xlim(0, None)
    axes.set_xlabel(label)


def _draw(axes: Axes, level: float, mark: Mark) -> None:
    look = style.look(mark.method)
    line = style.line(look) | {"linestyle": "none", "markersize": 4.5, "markeredgewidth": 0.9}
    face = "white" if mark.idle else look.colour
    level += ASIDE.get(mark.method, 0.0)
    axes.hlines(level, mark.low, mark.high, color=look.colour, linewidth=1.0, zorder=2)
    axes.plot(mark.value, level, **line | {"mfc": face, "mec": look.colour}, zorder=3)


def _gains(
    axes: Axes, rows: Sequence[Row], levels: Mapping[str, int], bands: Sequence[Point]
) -> None:
    ends = [end for point in bands for end in (point.low, point.high)]
    for row in rows:
        for method, again in row.confirmed.items():
            level = levels[row.cell.id] + ASIDE[method]
            gains.winners(axes, level, again, style.look(method), 0.2)
            ends += [end for one in again.winners for end in (one.low, one.high)]
        axes.text(
            1.02,
            levels[row.cell.id],
            row.words,
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=style.SMALL,
        )
    for point in bands:
        axes.axvspan(point.low, point.high, color=style.PALE, alpha=0.35, lw=0, zorder=0)
    scales.gains(axes, scales.limits(ends, True), True)
    axes.set_ylim(max(levels.values()) + 0.6, -0.6)
    axes.set_yticks([])
    axes.set_xlabel("Times as fast as the default, in pairs")


def _legend(run: Subject, rows: Sequence[Row], bands: Sequence[Point]) -> list[Line2D | Patch]:
    shown = dict.fromkeys(mark.method for row in rows for mark in row.marks)
    signs: list[Line2D | Patch] = [style.method_sign(m, subject.label(run, m)) for m in shown]
    if any(mark.idle for row in rows for mark in row.marks):
        signs.append(style.sign("hollow: the default is what to use", "o", 3.5, face="white"))
    if bands:
        told = ", ".join(f"{p.low:g} to {p.high:g} times" for p in bands)
        signs.append(Patch(color=style.PALE, alpha=0.35, lw=0, label=f"published: {told}"))
    return signs


def _said(run: Subject, row: Row) -> str:
    if one := refused(run.run).get(row.cell.id):
        return f"nothing of it could be measured ({one.why.rstrip('.')})"
    speeds = ", ".join(
        f"{subject.label(run, m.method)} {style.digits(m.value)} {row.cell.objective.unit}"
        for m in row.marks
    )
    again = ", ".join(
        f"{subject.label(run, name)} {gains.said(found.middle, True)} in pairs"
        + "".join(f" ({w.low:.3f} to {w.high:.3f}, n {w.n})" for w in found.winners[:1])
        for name, found in row.confirmed.items()
    )
    return "; ".join(filter(None, (speeds, again, row.words)))
