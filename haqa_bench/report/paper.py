"""The tables of best results: end-to-end tokens/s (the data of the paper's figure 5), and the times of kernels (table 3)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.report import best, pairs, published, roofs
from haqa_bench.report.best import Row
from haqa_bench.report.columns import COLUMNS, Beside
from haqa_bench.report.notes import notes

FIGURES = {"deploy": "figure5", "kernel": "table3"}
TITLES = {
    "deploy": "Best end-to-end tokens/s found, against llama.cpp's default",
    "kernel": "Shortest kernel times found, against the usual constants",
}


class Table(NamedTuple):
    """A table ready to be written: cells are text, notes stand below it."""

    title: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    notes: Sequence[str]


def tables(folder: Path, paper_tables: Path) -> dict[str, Table]:
    """The table of each track of the run in `folder`, by the name of the paper's figure or table.

    Raises:
        HaqaError: the run has no database, or it cannot be read; or what was published cannot be.
    """
    found, again, known = best.rows(folder), pairs.read(folder), roofs.read(folder)
    tracks = {track: [row for row in found if row.track == track] for track in FIGURES}
    return {
        FIGURES[track]: table(of_track, Beside(published.load(paper_tables / f"{FIGURES[track]}.yaml"), again, known))
        for track, of_track in tracks.items()
        if of_track
    }


def table(found: Sequence[Row], beside: Beside) -> Table:
    """Rows of one track as text, with what was published beside them, winners measured again, and what to know below."""
    first = found[0]
    columns = [c for c in COLUMNS if c.track in (None, first.track)]
    return Table(
        title=TITLES[first.track],
        headings=[c.heading.format(first.unit) for c in columns],
        cells=[["" if c.tuned and row.optimizer == "human" else c.text(row, beside) for c in columns] for row in found],
        notes=notes(found, beside),
    )
