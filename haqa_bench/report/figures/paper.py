"""The paper's tables 1 to 3 as figures, and its figure 5: ours, and what was published beside.

Ours are stand-ins wherever model or hardware are not the paper's; captions say of which cell each
number is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from haqa_bench import tracks
from haqa_bench.arithmetic.estimate import SPEEDS
from haqa_bench.cell import Cell
from haqa_bench.report import traits, verdict
from haqa_bench.report.figures import endtoend, published, scales, style, subject
from haqa_bench.report.figures.published import Point
from haqa_bench.report.figures.style import Drawing, NotDrawn, Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.found.refused import refused
from haqa_bench.report.found.tests import tests
from haqa_bench.report.published.document import UNKNOWN, PublishedTable, load

TALL = 0.17
"""Inches of a row."""
END_TO_END = "figure5"


class Ours(NamedTuple):
    """A value of ours, the worst and the best study, and how many studies there are."""

    low: float
    value: float
    high: float
    n: int


class Row(NamedTuple):
    """A line of a panel: ours by method, and what was published."""

    label: str
    ours: Mapping[str, Ours]
    published: Sequence[Point]


class Panel(NamedTuple):
    """Rows below a title; of which cells of ours they are."""

    title: str
    rows: Sequence[Row]
    cells: Sequence[Cell]


def pictures(run: Subject) -> Iterator[Drawing]:
    """One for each of the paper's tables that the run has cells of."""
    groups: dict[str, list[Cell]] = {}
    for cell in run.cells.values():
        if traits.walked(cell) and not traits.decides_bits(cell):
            groups.setdefault(traits.name_of(cell), []).append(cell)
    for name, cells in groups.items():
        table = load(run.project.published(name))
        if table is not None:
            yield _drawing(run, name, cells, table)


def _drawing(run: Subject, name: str, cells: Sequence[Cell], table: PublishedTable) -> Drawing:
    if name == END_TO_END:
        return _end_to_end(run, name, cells, table)
    speeds = cells[0].objective.unit in SPEEDS
    panels = _speed_ups(run, cells, table) if speeds else _accuracies(run, cells, table)
    if not any(row.ours for panel in panels for row in panel.rows):
        why = "None of its winners was confirmed: haqa-bench confirm RUN does so."
        return NotDrawn(f"paper-{name}", why)
    return _dots(run, name, panels, table, speeds)


def _speed_ups(run: Subject, cells: Sequence[Cell], table: PublishedTable) -> list[Panel]:
    """One panel, a row a kernel: the agent's confirmed speed-up, and random search's."""
    rows = []
    for cell in cells:
        ours = {}
        for name in ("random", "haqa"):
            if again := run.confirmed.get((cell.id, name)):
                gains = [winner.gain if winner.better else 1.0 for winner in again.winners]
                low, high = min(gains, default=1.0), max(gains, default=1.0)
                ours[name] = Ours(low, again.middle, high, again.studies)
        rows.append(
            Row(
                subject.title_of(cell),
                ours,
                [*published.points(table, run.run.cells[cell.id], "haqa")],
            )
        )
    return [Panel(_device(cells), rows, cells)]


def _device(cells: Sequence[Cell]) -> str:
    return ", ".join(dict.fromkeys(subject.short(cell.hardware) for cell in cells))


def _accuracies(run: Subject, cells: Sequence[Cell], table: PublishedTable) -> list[Panel]:
    """A panel a cell, a row a method: test accuracy; people's, that we have none of, at the end."""
    tested = tests(run.run)
    panels = []
    for cell in cells:
        rows = [
            Row(
                subject.label(run, row.method),
                {row.method: _accuracy(tested.of(row), tested.range(row), len(row.winners))}
                if tested.of(row) is not None
                else {},
                [*published.points(table, run.run.cells[cell.id], row.method, row.optimizer)],
            )
            for row in _in_order(run, cell)
        ]
        rows += [
            Row(label, {}, [*published.points_of(table, run.run.cells[cell.id], label)])
            for label in published.only_published(table)
        ]
        title = f"{subject.title_of(cell)}\n{subject.short(cell.hardware)}"
        panels.append(Panel(title, rows, [cell]))
    return panels


def _accuracy(value: float | None, ends: Sequence[float], studies: int) -> Ours:
    middle = value or 0.0
    low, high = ends if ends else (middle, middle)
    return Ours(low, middle, high, studies)


def _in_order(run: Subject, cell: Cell) -> list[Best]:
    rows = {row.method: row for row in best(run.run) if row.cell == cell.id}
    return [rows[name] for name in run.methods if name in rows]


def _dots(
    run: Subject, name: str, panels: Sequence[Panel], table: PublishedTable, times: bool
) -> Picture:
    columns = min(3, len(panels))
    most = max(len(panel.rows) for panel in panels)
    width = style.PAGE if columns > 1 else style.COLUMN
    figure, axes = style.panels(len(panels), width, 0.6 + TALL * most, columns)
    for place, (one, panel) in enumerate(zip(axes, panels, strict=True)):
        for level, row in enumerate(panel.rows):
            _row(one, level, row)
        one.set_title(panel.title)
        one.set_ylim(len(panel.rows) - 0.4, -0.6)
        one.set_yticks(range(len(panel.rows)), [row.label for row in panel.rows])
        one.tick_params(axis="y", length=0, labelleft=place % columns == 0)
        one.set_xlabel("Times as fast as the default" if times else "Test accuracy, %")
        if times:
            ends = [v for row in panel.rows for p in _points(row) for v in (p.low, p.high)]
            scales.gains(one, scales.limits(ends, True), True)
    style.legend(figure, _legend(run, panels))
    return Picture(f"paper-{name}", figure, _caption(run, table, panels))


def _points(row: Row) -> list[Ours | Point]:
    return [*row.ours.values(), *row.published]


def _row(axes: Axes, level: float, row: Row) -> None:
    for point in sorted(row.published, key=lambda point: point.same):  # those like ours on top
        colour = style.INK if point.same else style.PALE
        axes.hlines(level + 0.2, point.low, point.high, color=colour, linewidth=0.7, zorder=2)
        axes.plot(point.value, level + 0.2, "o", ms=2.8, mfc="white", mec=colour, mew=0.8, zorder=3)
    for method, ours in row.ours.items():
        look = style.look(method)
        axes.hlines(level - 0.15, ours.low, ours.high, color=look.colour, linewidth=1, zorder=3)
        axes.plot(ours.value, level - 0.15, **style.line(look) | {"linestyle": "none"}, zorder=4)


def _legend(run: Subject, panels: Sequence[Panel]) -> list[Line2D]:
    rows = [row for panel in panels for row in panel.rows]
    shown = {m for row in rows for m in row.ours}
    signs = [style.method_sign(m, subject.label(run, m)) for m in run.methods if m in shown]
    if any(p.same for row in rows for p in row.published):
        signs.append(style.sign("published, same model and bit-width", "o", 2.8, face="white"))
    if any(not p.same for row in rows for p in row.published):
        words = "published, other models or sizes"
        signs.append(style.sign(words, "o", 2.8, style.PALE, "white"))
    return signs


def _end_to_end(run: Subject, name: str, cells: Sequence[Cell], table: PublishedTable) -> Drawing:
    """The default beside what was tuned, and how far pairs confirm it."""
    made = endtoend.figure(run, cells, table)
    if made is None:
        return NotDrawn(f"paper-{name}", "It has neither the agent nor random search.")
    caption = _caption(run, table, [Panel("", [], cells)])
    return Picture(f"paper-{name}", made, f"{caption} {endtoend.told(run, cells)}", dark=True)


def _caption(run: Subject, table: PublishedTable, panels: Sequence[Panel]) -> str:
    cells = [cell for panel in panels for cell in panel.cells]
    ids = {cell.id for cell in cells}
    studies = [s for s in run.studies if s.cell in ids - refused(run.run).keys()]
    hardware = f", on {table.hardware}" if table.hardware != UNKNOWN else ""
    parts = [
        f"{table.paper}, {table.label}: {table.title}. Ours: "
        f"{', '.join(dict.fromkeys(map(subject.title_of, cells)))} on {_device(cells)}.",
        _what(cells[0]),
        *(_told(run, row) for panel in panels for row in panel.rows if row.ours),
        f"Published{hardware}{f'; n {table.n} repeats' if table.n else ''}: "
        "mean and standard deviation where one is given, or the range that is said; black where "
        "model and bit-width (of a kernel, its sizes too) are ours as well, grey of others. What "
        "is UNKNOWN is not drawn.",
        *table.codes,
        subject.measured(run, cells),
        subject.numbers(run, studies),
        subject.answered(run, studies),
    ]
    return " ".join(filter(None, parts))


def _what(cell: Cell) -> str:
    if tracks.of(cell).confirmed == "tests":
        return (
            f"Winners trained anew and tested, {traits.tested_on([cell])}: "
            "mean over seeds, median over studies, worst and best study."
        )
    if traits.part(cell):
        return (
            "Winners against the default in interleaved pairs, apart from the tuning: median over "
            "studies, least and largest; one that does not beat the default counts as 1."
        )
    return (
        "Left: median over studies of the best that tuning found, lines: worst and best study; "
        "hollow where the default is what to use. Right: each winner in pairs with the default, "
        f"apart from the tuning, and its 95 % interval ({verdict.OF_WINNERS})."
    )


def _told(run: Subject, row: Row) -> str:
    said = ", ".join(
        f"{subject.label(run, name)} {found.value:.4g} ({found.low:.4g} to {found.high:.4g}, "
        f"n {found.n})"
        for name, found in row.ours.items()
    )
    return f"{row.label}: {said}." if row.label not in row.ours else f"{said}."
