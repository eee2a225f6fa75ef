"""The peaks of real processes beside what was predicted of them, and the limits that models are
held against (the data of the paper's table 5).
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.arithmetic.memory import MARGIN
from haqa_bench.cell import Cell
from haqa_bench.report import traits
from haqa_bench.report.figures import bars, style, subject
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.answers import Answer, answers
from haqa_bench.store.facts import PeakFact

TALL = 0.17
"""Inches of a row."""


class Row(NamedTuple):
    """A model in a format, its peak, and at which level it lies."""

    cell: Cell
    format: str
    peak: PeakFact
    level: int


def picture(run: Subject) -> Picture | None:
    """None where no peak was asked for."""
    found = {answer.cell: answer for answer in answers(run.run) if answer.peaks}
    rows = _rows(run, list(found.values()))
    if not rows:
        return None
    height = 0.75 + TALL * (2 + rows[-1].level)
    figure, (axes,) = style.panels(1, style.COLUMN, height, 1)
    for row in rows:
        colour = bars.COLOURS.get(bit_width_of(row.format), style.PALE)
        size = row.peak.predicted_mb / 1000
        axes.barh(row.level, size, 0.72, color=colour, lw=0, zorder=2)
        axes.barh(row.level, MARGIN * size, 0.72, left=size, color=colour, alpha=0.4, lw=0)
        taken = [mb / 1000 for mb in row.peak.measured_mb]
        axes.plot(taken, [row.level] * len(taken), "|", color=style.INK, ms=7, mew=1.2, zorder=4)
        place = axes.get_yaxis_transform()
        words = _words(row.peak)
        axes.text(1.02, row.level, words, transform=place, va="center", fontsize=style.SMALL)
    for name, level in {row.cell.model_name: row.level for row in reversed(rows)}.items():
        place = axes.get_yaxis_transform()
        axes.text(
            0,
            level - 0.85,
            name,
            transform=place,
            va="center",
            fontweight="bold",
            path_effects=style.halo(),
            zorder=5,
        )
    limits = sorted({gb for row in rows for gb in _limits(row.cell)})
    for limit in limits:
        axes.axvline(limit, color=style.INK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=3)
    axes.set_yticks([row.level for row in rows], [row.format for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(rows[-1].level + 0.6, -1.4)
    axes.set_xlabel("Peak memory of a process, GB; dashed: limits")
    style.legend(figure, _signs())
    return Picture("memory-peaks", figure, _caption(run, rows, limits), dark=True)


def _rows(run: Subject, found: Sequence[Answer]) -> list[Row]:
    rows, level = [], 0
    for answer in found:
        for name, peak in answer.peaks.items():
            rows.append(Row(run.cells[answer.cell], name, peak, level))
            level += 1
        level += 1
    return rows


def _limits(cell: Cell) -> Sequence[float]:
    work = traits.limits(cell)
    return work.limits_gb if work else ()


def _words(peak: PeakFact) -> str:
    if not peak.measured_mb:
        return "not loaded" if peak.reason else "not measured"
    return f"{median(peak.measured_mb) / 1000:.2f}"


def _signs() -> list[Line2D | Patch]:
    return [
        Patch(color=style.PALE, lw=0, label="predicted"),
        Patch(color=style.PALE, alpha=0.4, lw=0, label="its margin"),
        style.sign("measured", "|", 7),
    ]


def _caption(run: Subject, rows: Sequence[Row], limits: Sequence[float]) -> str:
    cells = {row.cell.id: row.cell for row in rows}
    where = dict.fromkeys(a.peaks_of for a in answers(run.run) if a.cell in cells and a.peaks_of)
    parts = [
        "The most memory that processes had which fill the context of a model (measured), beside "
        f"what was predicted of them (simulated) and its margin of {100 * MARGIN:g} %; dashed: "
        f"limits, {', '.join(f'{gb:g}' for gb in limits)} GB. 1 GB is 10^9 bytes.",
        *(f"Measured on {told}." for told in where),
        subject.measured(run, cells.values()),
        f"{'; '.join(map(_told, rows))}.",
    ]
    return " ".join(filter(None, parts))


def _told(row: Row) -> str:
    name = f"{row.cell.model_name} {row.format} predicted {row.peak.predicted_mb / 1000:.1f} GB"
    if not row.peak.measured_mb:
        return f"{name}, {row.peak.reason or 'not measured'}"
    middle, n = median(row.peak.measured_mb) / 1000, len(row.peak.measured_mb)
    return f"{name}, measured {middle:.2f} GB (n {n})"
