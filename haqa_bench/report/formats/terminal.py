"""A table as a terminal shows it: columns side by side, no frame, notes wrapped below."""

import shutil
import textwrap
from collections.abc import Sequence

from haqa_bench.report.tables.short import GAP, marked, widths
from haqa_bench.report.tables.table import Table

MOST = 100
"""Characters of a line, also where a terminal has more, or where nobody says how many it has."""


def width() -> int:
    """How many characters a line may have: those of the terminal, at most MOST."""
    return min(MOST, shutil.get_terminal_size((MOST, 24)).columns)


def terminal(table: Table, name: str = "") -> str:
    """Title, a heading line, sections, notes. The best of each group has a star."""
    every = range(len(table.columns))
    wide = widths(table, every)
    right = [table.numeric(i) for i in every]
    heads = _line(table.headings, wide, right)
    line = "-" * len(heads)
    body: list[str] = []
    for section in table.parts:
        body += ["", *_wrapped(section.heading)] if section.heading else []
        body += [_line([marked(table, row, i) for i in every], wide, right) for row in section.rows]
    notes = [text for note in table.remarks for text in _wrapped(note, "- ")]
    first = body[1:] if body[:1] == [""] else body
    return "\n".join([*_wrapped(table.title), "", heads, line, *first, "", *notes]) + "\n"


def _line(texts: Sequence[str], wide: Sequence[int], right: Sequence[bool]) -> str:
    cells = [
        text.rjust(w) if to_the_right else text.ljust(w)
        for text, w, to_the_right in zip(texts, wide, right, strict=True)
    ]
    return (" " * GAP).join(cells).rstrip()


def _wrapped(text: str, mark: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width(),
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_on_hyphens=False,
    )
