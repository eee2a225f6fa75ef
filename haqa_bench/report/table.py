"""A table ready to be written, and how its numbers are called."""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """Cells are text, notes stand below it. `keys` name its rows, such as SmolLM2-135M/INT4/haqa; they are empty where nothing explains it."""

    title: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    notes: Sequence[str]
    keys: Sequence[str] = ()


def id_of(name: str, key: str, heading: str) -> str:
    """What the number below `heading` in the row `key` of the table `name` is called in every format: table2:Net/INT4/haqa/test-accuracy."""
    slug = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
    return f"{name}:{key.replace(' ', '_')}/{slug}"
