"""All runs at a glance: of each suite and kind of gain a row, of each cell a point for the agent
and one for random search.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haqa_bench import tracks
from haqa_bench.report.figures import gains, glance, scales, style, subject
from haqa_bench.report.figures.glance import Gain, Row, Scale
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject

COMPARED = ("haqa", "random")
"""Above the middle of a row, and below."""
FEWEST = 3
"""Cells below which there is no median of them."""
TALL, AROUND = 0.3, 0.6
"""Inches of a row, and of a panel beside its rows."""


class Part(NamedTuple):
    """A suite's cells of one track and one scale."""

    suite: str
    track: str
    scale: Scale
    rows: Sequence[Row]

    def of(self, method: str) -> list[Gain]:
        """The gain of a method on each cell that it ran on."""
        return [row.found[method] for row in self.rows if method in row.found]


def parts(run: Subject) -> list[Part]:
    """What of a run has a row."""
    groups: dict[tuple[str, Scale], list[Row]] = {}
    for row in glance.rows(run):
        groups.setdefault((row.cell.track, row.scale), []).append(row)
    name = run.run.suite.name
    return [Part(name, track, scale, rows) for (track, scale), rows in groups.items()]


def picture(found: Sequence[Part], notes: Sequence[str]) -> Picture | None:
    """One of all runs; None where there is no row. `notes` end its caption."""
    groups: dict[Scale, list[Part]] = {}
    for part in found:
        if any(part.of(name) for name in COMPARED):
            groups.setdefault(part.scale, []).append(part)
    return Picture("glance", _drawn(groups), _caption(groups, notes)) if groups else None


def note(run: Subject) -> str:
    """Sources, dates and numbers of studies of a run, for the caption."""
    ids = {row.cell.id for row in glance.rows(run)}
    studies = [s for s in run.studies if s.cell in ids and s.method in COMPARED]
    if not studies:
        return ""
    cells = [run.cells[name] for name in ids]
    told = f"{subject.numbers(run, studies)} {subject.measured(run, cells)}"
    return f"{run.run.suite.name}: {told} {subject.answered(run, studies)}".strip()


def _drawn(groups: Mapping[Scale, Sequence[Part]]) -> Figure:
    heights = [AROUND + TALL * len(of) for of in groups.values()]
    figure = Figure(figsize=(style.PAGE, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(groups), 1, height_ratios=heights)
    for place, (scale, of) in enumerate(groups.items()):
        _panel(figure.add_subplot(grid[place, 0]), scale, of)
    handles = [style.method_sign(name, name) for name in COMPARED]
    handles.append(style.sign("median cell", "|", 8))
    style.legend(figure, [*handles, style.sign("hollow: not confirmed", "o", 3.5)])
    return figure


def _panel(axes: Axes, scale: Scale, of: Sequence[Part]) -> None:
    for place, part in enumerate(of):
        axes.axhline(place, color="#eeeeee", linewidth=0.8, zorder=0)
        for name, aside in zip(COMPARED, (-0.17, 0.17), strict=True):
            _points(axes, place + aside, name, part.of(name))
        axes.text(
            1.015,
            place,
            _words(part),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=style.SMALL,
        )
    ends = [gain.value for part in of for name in COMPARED for gain in part.of(name)]
    scales.gains(axes, scales.limits(ends, scale.times), scale.times)
    names = [f"{_tuned(part)}\n{part.suite}: {_cells(part)}" for part in of]
    axes.set_yticks(range(len(of)), names)
    axes.set_ylim(len(of) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(scale.words)


def _points(axes: Axes, place: float, name: str, found: Sequence[Gain]) -> None:
    look = style.look(name)
    shape = style.line(look) | {"linestyle": "none", "markeredgewidth": 0.6}
    for gain in found:
        face = look.colour if gain.confirmed else "none"
        axes.plot(gain.value, place, **shape, mfc=face, mec=look.colour, zorder=3)
    if len(found) >= FEWEST:
        middle = median(gain.value for gain in found)
        axes.plot(middle, place, "|", ms=8, mew=1.2, color=style.INK, zorder=4)


def _tuned(part: Part) -> str:
    return tracks.named(part.track).tuned or part.track


def _cells(part: Part) -> str:
    cells = f"{len(part.rows)} cell{'s' if len(part.rows) > 1 else ''}"
    simulated = sum(row.cell.simulated for row in part.rows)
    return f"{cells}, {simulated} simulated" if simulated else cells


def _words(part: Part) -> str:
    return "\n".join(f"{name} {_value(part, name)}" for name in COMPARED)


def _said(part: Part, name: str) -> str:
    """The value of a method, and what of it was not confirmed."""
    unsure = sum(not gain.confirmed for gain in part.of(name))
    return _value(part, name) + (f", {unsure} not confirmed" if unsure else "")


def _value(part: Part, name: str) -> str:
    """The median cell of a method, or from where to where of two."""
    found = part.of(name)
    if not found:
        return "not tested" if not part.scale.times else "did not run"
    values = sorted(gain.value for gain in found)
    ends = dict.fromkeys(gains.said(value, part.scale.times) for value in (values[0], values[-1]))
    said = " to ".join(ends)
    if len(found) >= FEWEST:
        said = gains.said(median(values), part.scale.times)
    some = f" in {len(found)} of {len(part.rows)} cells" if len(found) < len(part.rows) else ""
    return f"{said}{some}"


def _caption(groups: Mapping[Scale, Sequence[Part]], notes: Sequence[str]) -> str:
    told = "; ".join(
        f"{part.suite} ({part.track}, n {len(part.rows)} cells): "
        + ", ".join(f"{name} {_said(part, name)}" for name in COMPARED)
        for of in groups.values()
        for part in of
    )
    return (
        "What haqa and random search gain over the default: of each cell the median over studies; "
        "bars, and numbers beside: the median of three cells or more, else from where to where. "
        "Filled: winners measured again, apart from the tuning (in pairs with the default, where a "
        "winner that does not beat it counts as 1; or trained anew and tested); hollow: as tuning "
        "saw it, which is too large. Points above each other do not say that one is ahead of the "
        "other: haqa-bench compare does. "
        f"{told}. {' '.join(filter(None, notes))}"
    )
