"""The paper's numbers, as far as they are known. UNKNOWN and CONFLICT are values of their own; nothing is ever filled in."""

from pathlib import Path

from haqa_bench.documents import Document, read_yaml


class Entry(Document):
    """A published speed-up, as text: the sources give ranges and words."""

    model: str
    bit_width: str
    method: str
    speed_up: str
    source: str
    conflict: str = ""


class PublishedFigure(Document):
    """What is known of a published figure."""

    title: str
    hardware: str
    entries: tuple[Entry, ...]

    def speed_up(self, model: str, method: str) -> str:
        """What was published of `method` on `model`, or on any model; UNKNOWN where nothing is known."""
        for wanted in (model, "any"):
            for entry in self.entries:
                if (entry.model, entry.method) == (wanted, method) and entry.speed_up != "UNKNOWN":
                    return f"{entry.speed_up} ({self.hardware}; {entry.source}{'; CONFLICT' if entry.conflict else ''})"
        return "UNKNOWN"


def load(path: Path) -> PublishedFigure:
    """The published figure in the YAML file at `path`."""
    return read_yaml(path, PublishedFigure)
