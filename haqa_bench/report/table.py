"""A table ready to be written."""

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """Cells are text, notes stand below it."""

    title: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    notes: Sequence[str]
