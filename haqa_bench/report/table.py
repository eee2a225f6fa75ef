"""A table ready to be written, and how its numbers are called."""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

NUMBER = re.compile(r"[<+-]? ?\d")


class Table(NamedTuple):
    """Cells are text, notes stand below it. `keys` name its rows, such as SmolLM2-135M/INT4/haqa;
    empty where nothing explains them.
    """

    title: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    notes: Sequence[str]
    keys: Sequence[str] = ()
    bold: Collection[tuple[int, int]] = ()
    """Rows and columns of the best of each group."""
    about: Mapping[str, str] = MappingProxyType({})
    """What a column holds and how it is reckoned, by heading."""

    def numeric(self, column: int) -> bool:
        """Whether most of what stands in a column begins as a number does."""
        filled = [row[column] for row in self.cells if row[column]]
        return 2 * sum(bool(NUMBER.match(text)) for text in filled) > len(filled)


def id_of(name: str, key: str, heading: str) -> str:
    """What the number below `heading` in a row is called, in every format:
    table2:SmolLM2-135M/INT4/haqa/test-accuracy.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
    return f"{name}:{key.replace(' ', '_')}/{slug}"
