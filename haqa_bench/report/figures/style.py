"""How every figure looks: its width, its letters, and one look a method, the same in every figure
of every run. No file holds a date: what is drawn twice is equal byte for byte.

Drawn at the width that it is printed at, so that 7 points stay 7 points. Methods differ by marker
and dashes as well as by colour (haqa_bench.report.methods), so that a grey print still says which
is which.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from haqa_bench import disk
from haqa_bench.report import methods
from haqa_bench.report.figures import dark

COLUMN, PAGE = 3.4, 7.0
"""Widths in inches: one column of a paper of two, and both."""
SMALL = 6.0
"""The size of the smallest letters, in points."""
LETTER = 0.056
"""Inches that a letter of a name takes, about."""
INK, PALE = dark.INK, dark.PALE
SIMULATED = "/////"
"""The hatch of bars that no device measured."""
SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 7.0,
    "axes.titlesize": 7.0,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "svg.fonttype": "path",
    "svg.hashsalt": "haqa-bench",
}
PNG_DPI = 200


class Look(NamedTuple):
    """How a method is drawn."""

    colour: str
    marker: str
    dashes: Any


class Picture(NamedTuple):
    """A figure, the name of its files, and what is to be said below it."""

    name: str
    figure: Figure
    caption: str
    dark: bool = False
    """Whether it is drawn for a dark page too."""


class NotDrawn(NamedTuple):
    """A figure that would show nothing, and why it would not, in a sentence."""

    name: str
    why: str


Drawing = Picture | NotDrawn


SHAPES: dict[str, tuple[str, Any]] = {
    "default": ("o", ":"),
    "random": ("s", "--"),
    "local": ("^", (0, (5, 1))),
    "rules": ("v", (0, (1, 1))),
    "tpe": ("D", "-."),
    "gp": ("P", (0, (3, 1, 1, 1))),
    "nsga2": ("X", (0, (4, 1, 1, 1, 1, 1))),
    "smac": ("p", (0, (2, 1))),
    "haqa": ("*", "-"),
}
MARKERS = ("<", ">", "h", "d", "s", "^", "D", "P", "X", "o", "v")
DASHES = ((0, (6, 1)), "-", (0, (3, 1)), "-.", "--")


def look(method: str) -> Look:
    """The look of a method, which follows from its name alone."""
    number = methods.number_of(method)
    usual = (MARKERS[number % len(MARKERS)], DASHES[number % len(DASHES)])
    return Look(methods.colour(method), *SHAPES.get(method, usual))


def line(look: Look) -> dict[str, Any]:
    """A method's line, for matplotlib's plot."""
    size = 5.5 if look.marker == "*" else 3.5  # stars look smaller than they are
    return {
        "color": look.colour,
        "linestyle": look.dashes,
        "marker": look.marker,
        "markersize": size,
        "markeredgewidth": 0,
    }


def sign(label: str, marker: str, size: float, edge: str = INK, face: str = "none") -> Line2D:
    """What a mark means, for a legend."""
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker,
        markersize=size,
        markeredgecolor=edge,
        markerfacecolor=face,
        markeredgewidth=0.8,
        label=label,
    )


def method_sign(method: str, label: str) -> Line2D:
    """A method's mark, without its line, for a legend."""
    return Line2D([], [], **line(look(method)) | {"linestyle": "none"}, label=label)


def halo() -> list[Any]:
    """White around letters that stand on lines."""
    return [withStroke(linewidth=1.6, foreground="white")]


@contextmanager
def applied() -> Iterator[None]:
    """This style alone, whatever a matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def name_columns(axes: Axes, places: Sequence[float], names: Sequence[str], inches: float) -> None:
    """Names below the columns of a panel, `inches` for each; aslant where they do not fit."""
    longest = max(len(line) for name in names for line in name.split("\n"))
    slant: dict[str, Any] = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        if longest * LETTER > inches
        else {}
    )
    axes.set_xticks(places, names, **slant)
    axes.tick_params(axis="x", length=0)


def digits(value: float) -> str:
    """Three significant digits, zeros at the end among them: 1.00, 35.0, 217; all of those before
    the point: 1,784.
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def panels(count: int, width: float, height: float, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in rows, each `height` inches high; it has no empty ones."""
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width, rows * height), layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    return figure, [figure.add_subplot(grid[divmod(i, columns)]) for i in range(count)]


def legend(figure: Figure, handles: Sequence[Line2D | Patch]) -> None:
    """Below the panels, in as many columns as fit; the figure grows by it, its panels do not
    shrink.
    """
    width, height = figure.get_size_inches()
    labels = [str(handle.get_label()) for handle in handles]
    columns = next(n for n in range(len(labels), 0, -1) if n == 1 or _breadth(labels, n) <= width)
    figure.set_size_inches(width, height + 0.14 * math.ceil(len(labels) / columns) + 0.08)
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=columns,
        handlelength=2.6,
        columnspacing=1.2,
    )


def _breadth(labels: Sequence[str], columns: int) -> float:
    """Of a legend, in inches: matplotlib splits it so too."""
    return sum(
        0.45 + LETTER * max(map(len, column)) for column in np.array_split(list(labels), columns)
    )


def save(picture: Picture, folder: Path) -> None:
    """As PDF, SVG and PNG, and its caption as text; where it asks for it, as SVG and PNG for a dark
    page too.

    The layout is computed once, and each kind is drawn once: `Figure.savefig` would do both again
    for each kind, and that is most of what an album takes.
    """
    figure = picture.figure
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    pdf, svg, png = FigureCanvasPdf(figure), FigureCanvasSVG(figure), FigureCanvasAgg(figure)
    with disk.written(folder / f"{picture.name}.pdf") as target:
        pdf.print_pdf(target, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
    with disk.written(folder / f"{picture.name}.svg") as target:
        svg.print_svg(target, metadata={"Date": None})  # type: ignore[no-untyped-call]
    figure.dpi = PNG_DPI
    with disk.written(folder / f"{picture.name}.png") as target:
        png.print_png(target)  # type: ignore[no-untyped-call]
    disk.write(folder / f"{picture.name}.txt", picture.caption + "\n")
    if picture.dark:
        dark.darken(figure)
        with disk.written(folder / f"{picture.name}-dark.png") as target:
            png.print_png(target)  # type: ignore[no-untyped-call]
        with disk.written(folder / f"{picture.name}-dark.svg") as target:
            svg.print_svg(target, metadata={"Date": None})  # type: ignore[no-untyped-call]
