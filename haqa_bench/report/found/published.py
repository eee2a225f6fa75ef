"""The paper's numbers, as far as they are known. UNKNOWN and CONFLICT are values of their own;
nothing is ever filled in.
"""

import re
from pathlib import Path
from statistics import fmean

from pydantic import Field

from haqa_bench.documents import Document, read_yaml

ABOUT = (
    "what is known of the paper's own number, with its source (paper_tables/); UNKNOWN "
    "where nothing is"
)
ROUNDING = 0.05
"""How far a published average may be from the mean of its parts: half of the last digit that papers
give.
"""


class Entry(Document):
    """A published number, as text: the sources give ranges and words. `any` model or bit-width
    stands for all.
    """

    model: str
    bit_width: str
    method: str
    value: str
    source: str
    conflict: str = ""
    parts: dict[str, float] = Field(default_factory=dict)
    """What a published average is of, where that was published too."""

    @property
    def doubt(self) -> str:
        """In which way the number and what else was published disagree; empty where nothing
        does.
        """
        if self.conflict or not self.parts:
            return self.conflict
        average, stated = fmean(self.parts.values()), float(re.sub(r"[^\d.].*", "", self.value))
        if abs(average - stated) <= ROUNDING:
            return ""
        return f"the mean of its {len(self.parts)} published parts is {average:.2f}"


class PublishedFigure(Document):
    """What is known of a published figure."""

    title: str
    hardware: str
    entries: tuple[Entry, ...]

    @property
    def doubts(self) -> list[str]:
        """What disagrees in it, in words."""
        return [
            f"Published, CONFLICT, {e.model}: {e.value}; {e.doubt}."
            for e in self.entries
            if e.doubt
        ]

    def said(self, model: str, bit_width: str, method: str) -> str:
        """What was published of `method` on `model` at `bit_width`; UNKNOWN where nothing is known.
        The most particular entry counts.
        """
        for wanted in ((model, bit_width), (model, "any"), ("any", bit_width), ("any", "any")):
            for entry in self.entries:
                if (entry.model, entry.bit_width, entry.method) == (
                    *wanted,
                    method,
                ) and entry.value != "UNKNOWN":
                    return (
                        f"{entry.value} ({self.hardware}; "
                        f"{entry.source}{'; CONFLICT' if entry.doubt else ''})"
                    )
        return "UNKNOWN"


def load(path: Path) -> PublishedFigure:
    """The published figure in the YAML file at `path`; where there is no file, nothing is known."""
    return (
        read_yaml(path, PublishedFigure)
        if path.is_file()
        else PublishedFigure(title="", hardware="", entries=())
    )
