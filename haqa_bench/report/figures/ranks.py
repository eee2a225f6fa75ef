"""Average ranks of methods over cells, as Demsar (2006, Statistical comparisons of classifiers over
multiple data sets) draws them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haqa_bench.report import statistics
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Drawing, Look, NotDrawn, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.exact import exact
from haqa_bench.report.found.studies import StudyResult, grouped
from haqa_bench.report.statistics import Ranking
from haqa_bench.report.tables.comparison import Known, blocks, untelling
from haqa_bench.report.verdict import SIGNIFICANT

FEWEST_METHODS, FEWEST_CELLS = 2, 10
"""Methods, and cells that can rank them, below which an average rank says nothing."""
LEVEL = 0.16
"""Inches from one name to the next."""


def pictures(run: Subject) -> Iterator[Drawing]:
    """One of the whole run, of the methods that run on all of the cells that can rank them."""
    every = grouped(run.studies)
    known = {cell: Known(exact(run.run, run.project, cell)) for cell in every}
    useless = untelling(every, known)
    found_in = blocks({c: of for c, of in every.items() if c not in useless} or every)
    names = list(found_in[0])
    if len(run.methods) < FEWEST_METHODS or len(names) < FEWEST_METHODS:
        yield NotDrawn("ranks", "There are no two methods that run on all of its cells.")
    elif len(every) - len(useless) < FEWEST_CELLS:
        yield NotDrawn("ranks", _too_few(run, len(every), useless))
    else:
        found = statistics.ranking(found_in, names)
        yield Picture("ranks", _drawn(run, found), _caption(run, found, useless))


def _too_few(run: Subject, cells: int, useless: Mapping[str, str]) -> str:
    return (
        f"{cells - len(useless)} of {cells} cells can rank methods, and below {FEWEST_CELLS} an "
        f"average rank says nothing. {_left_out(run, useless)}"
    ).strip()


def _left_out(run: Subject, useless: Mapping[str, str]) -> str:
    told = "; ".join(f"{subject.title_of(run.cells[cell])}: {why}" for cell, why in useless.items())
    return f"Not ranked, since they tell no methods apart: {told}." if told else ""


def critical_difference(found: Ranking) -> float | None:
    """By how much average ranks differ significantly (Nemenyi, 5 %); None where Friedman's test
    does not say that any do.
    """
    if found.p is None or found.p >= SIGNIFICANT:
        return None
    from scipy import stats

    k = len(found.ranks)
    return float(
        stats.studentized_range.ppf(1 - SIGNIFICANT, k, math.inf)
        / math.sqrt(2)
        * math.sqrt(k * (k + 1) / (6 * found.blocks))
    )


def groups(found: Ranking, difference: float) -> list[tuple[float, float]]:
    """The longest stretches of ranks, of two methods at least, that are no further apart than
    `difference`.
    """
    ranks = sorted(found.ranks.values())
    spans = [(low, max(r for r in ranks if r - low <= difference)) for low in ranks]
    return [s for i, s in enumerate(spans) if s[0] < s[1] and (i == 0 or s[1] > spans[i - 1][1])]


def _drawn(run: Subject, found: Ranking) -> Figure:
    order = sorted(found.ranks.items(), key=lambda item: (item[1], item[0]))
    difference = critical_difference(found)
    bars = groups(found, difference) if difference else []
    left, right = order[: math.ceil(len(order) / 2)], order[math.ceil(len(order) / 2) :]
    top, first = 0.55 if difference else 0.3, 0.16 + 0.07 * len(bars)
    names = {name: subject.label(run, name) for name in found.ranks}
    margin = 0.055 * max(map(len, names.values())) + 0.45
    width = style.COLUMN if 2 * margin + 1 < style.COLUMN else style.PAGE
    figure = Figure(figsize=(width, top + first + LEVEL * len(left)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-margin, width - margin)  # in inches, the axis of ranks from 0 on
    axes.set_ylim(-(first + LEVEL * len(left)), top)
    scale = (width - 2 * margin) / (len(order) - 1)
    _axis(axes, len(order), scale)
    for place, (low, high) in enumerate(bars):
        y = -0.07 - 0.07 * place
        axes.plot(
            [(low - 1) * scale - 0.03, (high - 1) * scale + 0.03],
            [y, y],
            color=style.INK,
            linewidth=2.5,
            solid_capstyle="butt",
        )
    if difference:
        axes.plot(
            [0, difference * scale],
            [0.36, 0.36],
            color=style.INK,
            linewidth=1.2,
            marker="|",
            markersize=5,
        )
        axes.text(difference * scale / 2, 0.4, f"CD = {difference:.2f}", ha="center", va="bottom")
    for side, listed in ((-1, left), (1, right[::-1])):
        for level, (name, rank) in enumerate(listed):
            _name(
                axes,
                style.look(name),
                names[name],
                rank,
                (rank - 1) * scale,
                -first - LEVEL * level,
                side,
                scale * (len(order) - 1),
            )
    return figure


def _axis(axes: Axes, last: int, scale: float) -> None:
    axes.plot([0, scale * (last - 1)], [0, 0], color=style.INK, linewidth=0.8)
    for rank in range(1, last + 1):
        x = (rank - 1) * scale
        axes.plot([x, x], [0, 0.05], color=style.INK, linewidth=0.8)
        axes.text(x, 0.08, str(rank), ha="center", va="bottom")


def _name(
    axes: Axes, look: Look, name: str, rank: float, x: float, y: float, side: int, length: float
) -> None:
    """A method's name and average rank beside the axis, and a line from its place on it."""
    end = -0.1 if side < 0 else length + 0.1
    axes.plot([x, x, end], [0, y, y], color=look.colour, linewidth=1)
    axes.plot(x, 0, **style.line(look), zorder=4, clip_on=False)
    words = f"{name}  {rank:.2f}" if side < 0 else f"{rank:.2f}  {name}"
    axes.text(end + side * 0.04, y, words, ha="right" if side < 0 else "left", va="center")


def _caption(run: Subject, found: Ranking, useless: Mapping[str, str]) -> str:
    studies: Sequence[StudyResult] = [s for s in run.studies if s.method in found.ranks]
    difference = critical_difference(found)
    friedman = (
        f"Friedman's test that all are alike: p = {found.p:.3g}"
        if found.p is not None
        else "No test below three cells or methods"
    )
    bars = (
        "Methods under one bar differ by less than the critical difference of "
        f"{difference:.2f} (Nemenyi, 5 %)"
        if difference
        else "so that no critical difference is drawn"
    )
    return (
        f"Average ranks over {found.blocks} cells, of the median over studies in each; "
        "1 is best, a failure ranks last. "
        f"{friedman}{'. ' if difference else ', '}{bars}. "
        f"{_left_out(run, useless)} {subject.measured(run, run.cells.values())} "
        f"{subject.numbers(run, studies)} {subject.answered(run, studies)}"
    ).strip()
