"""A figure for a dark page: what is ink becomes light, and what is paper dark. The colours of
methods stay: they are read on both (haqa_bench.report.methods).
"""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

INK, PALE, PAPER = "#222222", "#bbbbbb", "#ffffff"
INVERTED = {INK: "#e4e6e9", PALE: "#5a616a", PAPER: "#15171a", "#000000": "#e4e6e9"}
"""What ink, faint ink and paper become: those of the page (report/page/page.css)."""


def darken(figure: Figure) -> None:
    """Turns every colour of a figure that is ink or paper; the others stay."""
    for artist in figure.findobj():
        _turn(artist)


def _turn(artist: Artist) -> None:
    if isinstance(artist, Line2D):
        artist.set_color(_turned(artist.get_color()))
        artist.set_markerfacecolor(_turned(artist.get_markerfacecolor()))
        artist.set_markeredgecolor(_turned(artist.get_markeredgecolor()))
    elif isinstance(artist, Text):
        artist.set_color(_turned(artist.get_color()))
        if artist.get_path_effects():
            artist.set_path_effects([withStroke(linewidth=1.6, foreground=INVERTED[PAPER])])
    elif isinstance(artist, Patch):
        face, edge = artist.get_facecolor(), artist.get_edgecolor()
        artist.set_facecolor(_turned(face))
        artist.set_edgecolor(_turned(edge))
    elif isinstance(artist, Collection):
        artist.set_facecolor(_all_turned(artist.get_facecolor()))
        artist.set_edgecolor(_all_turned(artist.get_edgecolor()))


def _turned(colour: Any) -> Any:
    """The colour, as transparent as before; what is no colour, such as none, stays."""
    if isinstance(colour, str) and colour in ("none", "auto"):
        return colour
    other = INVERTED.get(to_hex(colour))
    return colour if other is None else to_rgba(other, to_rgba(colour)[3])


def _all_turned(colours: Any) -> Any:
    return np.array([_turned(tuple(one)) for one in to_rgba_array(colours)]).reshape(-1, 4)
