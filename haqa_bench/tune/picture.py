"""The trade of speed against quality as a picture, which a browser shows without a script."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from haqa_bench.cell import Cell
from haqa_bench.report.page.answer import Picture
from haqa_bench.tune.shown import name_of
from haqa_bench.tune.trade import DECIDES, Line

WIDTH, HEIGHT = 680, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 34, 46
LETTER, LABEL = 6.6, 15
"""About how wide a letter of a label is, and how high a label, in px."""
AIR = 0.08
"""Of a range, left free on both sides."""
LOST = {"kl_divergence": "KL divergence, nats", "perplexity": "perplexity"}
"""What tells how much is lost: the first that every line has."""
KEY = "Filled: allowed. Hollow: it loses more than is allowed. The square is the default."


class _Axis(NamedTuple):
    """What lies along a side: its label, what a line has of it, and its ends."""

    label: str
    of: Callable[[Line], float]
    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self, wanted: int) -> list[float]:
        """Round numbers along it."""
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [step * number for number in range(first, last + 1)]


class _Spot(NamedTuple):
    """A line in the picture, in px, and what stands beside it."""

    line: Line
    x: float
    y: float
    name: str

    @property
    def leftwards(self) -> bool:
        """Whether its label stands on its left."""
        return self.x > (WIDTH + LEFT) / 2

    @property
    def span(self) -> tuple[float, float]:
        """From where to where its label reaches."""
        wide = LETTER * len(self.name) + 10
        return (self.x - wide, self.x) if self.leftwards else (self.x, self.x + wide)


def picture(lines: Sequence[Line], cell: Cell, metric: str, unit: str) -> Picture | None:
    """The lines of a front in SVG, the speed to the right and what is lost upwards (memory, in MB,
    where quality was not measured): filled where they are allowed, a square for the default. None
    where there are fewer than two.
    """
    lost = next((name for name in LOST if all(name in line.quality for line in lines)), "")
    if len(lines) < 2 or (not lost and any(line.memory_mb is None for line in lines)):
        return None
    across = _axis(f"{metric}, {unit}", lambda line: line.value, lines)
    if lost:
        up = _axis(LOST[lost], lambda line: line.quality[lost], lines)
    else:
        up = _axis("memory, MB", lambda line: line.memory_mb or 0.0, lines)
    svg = Element("svg", {"class": "front", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img"})
    told = f"{across.label} against {up.label}"
    SubElement(svg, "title").text = told
    _frame(svg, across, up)
    labels: list[tuple[_Spot, float]] = []
    for spot in sorted((_spot(line, across, up) for line in lines), key=lambda s: s.y):
        labels.append((spot, _free(spot, labels)))
        _draw(svg, spot, labels[-1][1], cell)
    return Picture(tostring(svg, encoding="unicode"), told, KEY)


def _axis(label: str, of: Callable[[Line], float], lines: Sequence[Line]) -> _Axis:
    values = [of(line) for line in lines]
    low, high = min(values), max(values)
    air = AIR * (high - low or abs(high) or 1.0)
    return _Axis(label, of, low - air, high + air)


def _spot(line: Line, across: _Axis, up: _Axis) -> _Spot:
    return _Spot(
        line,
        LEFT + across.share(across.of(line)) * (WIDTH - LEFT - RIGHT),
        HEIGHT - BOTTOM - up.share(up.of(line)) * (HEIGHT - TOP - BOTTOM),
        _name(line),
    )


def _name(line: Line) -> str:
    """What decides quality; `default` where it is that."""
    told = " ".join(
        str(line.configuration[name])
        for name in DECIDES
        if line.configuration.get(name) not in (None, "", "f16", "none")
    )
    return f"default ({told})" if line.is_default else told


def _free(spot: _Spot, labels: Sequence[tuple[_Spot, float]]) -> float:
    """How high a label stands that covers none of those above it."""
    height = spot.y
    for other, at in labels:
        beside = spot.span[0] < other.span[1] and other.span[0] < spot.span[1]
        if beside and abs(height - at) < LABEL:
            height = at + LABEL
    return height


def _frame(svg: Element, across: _Axis, up: _Axis) -> None:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for value in up.ticks(4):
        y = bottom - up.share(value) * (bottom - TOP)
        _line(svg, "grid", (LEFT, y), (right, y))
        _text(svg, "tick", (LEFT - 8, y + 4), "end", f"{value:.4g}")
    for value in across.ticks(6):
        x = LEFT + across.share(value) * (right - LEFT)
        _text(svg, "tick", (x, bottom + 18), "middle", f"{value:.4g}")
    _line(svg, "axis", (LEFT, bottom), (right, bottom))
    _text(svg, "label", ((LEFT + right) / 2, HEIGHT - 6), "middle", across.label)
    _text(svg, "label", (4, 16), "start", up.label)


def _draw(svg: Element, spot: _Spot, height: float, cell: Cell) -> None:
    line = spot.line
    allowed = line.is_chosen or line.is_default or not line.option
    kind = " ".join(
        ["spot", *(["allowed"] if allowed else []), *(["chosen"] if line.is_chosen else [])]
    )
    if line.is_default:
        at = {"x": f"{spot.x - 5:.1f}", "y": f"{spot.y - 5:.1f}", "width": "10", "height": "10"}
        mark = SubElement(svg, "rect", {"class": kind, **at})
    else:
        at = {"cx": f"{spot.x:.1f}", "cy": f"{spot.y:.1f}", "r": "6"}
        mark = SubElement(svg, "circle", {"class": kind, **at})
    SubElement(mark, "title").text = name_of(line, cell)
    side, anchor = (-10, "end") if spot.leftwards else (10, "start")
    _text(
        svg,
        "label chosen" if line.is_chosen else "label",
        (spot.x + side, height + 4),
        anchor,
        spot.name,
    )


def _line(svg: Element, kind: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
    ends = zip(("x1", "y1", "x2", "y2"), (*begin, *end), strict=True)
    SubElement(svg, "line", {"class": kind, **{name: f"{at:.1f}" for name, at in ends}})


def _text(svg: Element, kind: str, at: tuple[float, float], anchor: str, told: str) -> None:
    where = {"x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}", "text-anchor": anchor}
    SubElement(svg, "text", {"class": kind, **where}).text = told
