"""A method's colour and its place among others: the same in every figure, page and run.

The methods that come with us have colours of their own, that most colour-blind readers tell apart.
Variants of the agent are a family: its hue, each in its own shade. The colour of a plug-in follows
from its name alone, so that what else runs beside it changes nothing. Every colour has a contrast
of 3 at least, both to a white and to a black background (WCAG 2.2, 1.4.11, of graphics).
"""

import colorsys
import hashlib
from collections.abc import Iterable

KNOWN = {
    "default": "#757575",
    "random": "#948760",
    "local": "#9f6ad8",
    "rules": "#c4316f",
    "tpe": "#0099a0",
    "gp": "#0072b2",
    "smac": "#6f74f0",
    "nsga2": "#3f9c4f",
    "llm-seeded-bo": "#a87b05",
    "haqa": "#d55e00",
}
"""In the order that methods are drawn and listed in."""
FAMILIES = {"haqa": (0.03, 0.095), "llm-seeded-bo": (0.105, 0.14)}
"""The hues, as shares of a turn, of methods whose names begin with one and a hyphen."""
DARKEST, LIGHTEST = 0.135, 0.27
"""Relative luminance (WCAG), between which a colour is read on white and on black."""
_EVERY_HUE = (0.0, 1.0)
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
_BISECTIONS = 20


def colour(method: str) -> str:
    """The colour of a method, as `#rrggbb`."""
    return KNOWN.get(method) or _shade(method, FAMILIES.get(family(method), _EVERY_HUE))


def family(method: str) -> str:
    """The method that this one is a variant of; itself where it is none."""
    return next((name for name in FAMILIES if method.startswith(f"{name}-")), method)


def order(methods: Iterable[str]) -> list[str]:
    """Methods as they are drawn and listed: the default, those without an LLM, plug-ins by name,
    and agents, each before its variants.
    """
    return sorted(dict.fromkeys(methods), key=_place)


def luminance(code: str) -> float:
    """The relative luminance of a colour `#rrggbb`, from 0 to 1 (WCAG 2.2)."""
    red, green, blue = (_linear(int(code[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return _RED * red + _GREEN * green + _BLUE * blue


def number_of(method: str) -> int:
    """A number that follows from a name alone, for whatever a name chooses among."""
    return int.from_bytes(hashlib.sha256(method.encode()).digest()[:8], "big")


def _place(method: str) -> tuple[float, str]:
    known = list(KNOWN)
    if family(method) in KNOWN:
        return known.index(family(method)), method
    return known.index("llm-seeded-bo") - 0.5, method


def _shade(method: str, hues: tuple[float, float]) -> str:
    """A colour that follows from a name, of the hues that it may have."""
    number = number_of(method)
    hue = hues[0] + (hues[1] - hues[0]) * (number % 997) / 997
    wanted = DARKEST + (LIGHTEST - DARKEST) * (number // 997 % 101) / 101
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        darker = luminance(_code(hue, middle)) < wanted
        low, high = (middle, high) if darker else (low, middle)
    return _code(hue, low)


def _code(hue: float, lightness: float) -> str:
    channels = colorsys.hls_to_rgb(hue, lightness, 0.8)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
