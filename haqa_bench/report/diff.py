"""Two runs beside each other: what each method found then and now, whether the change is beyond the
noise, and which cells changed why.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report import best, pairs
from haqa_bench.report.best import Row
from haqa_bench.report.columns import exact
from haqa_bench.report.table import Table
from haqa_bench.store import database

HEADINGS = ("Cell", "Method", "Then", "Now", "Change", "Verdict", "n then", "n now")
WITHIN = 0.02
"""What counts as no change where no noise floor was measured: a share of the value."""


class Change(NamedTuple):
    """What a method found on a cell, then and now; None where it was not run."""

    cell: str
    method: str
    then: Row | None
    now: Row | None
    floor: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as good as then, above 1 is better."""
        if not self.then or not self.now or not self.then.best or not self.now.best:
            return None
        larger = self.now.best / self.then.best
        return larger if self.now.direction == "maximize" else 1 / larger

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.then is None or self.now is None:
            return "gone" if self.now is None else "new"
        if self.then.metric != self.now.metric:
            return f"other metric: {self.then.metric}, {self.now.metric}"
        if self.ratio is None:
            return "nothing feasible"
        if self.ratio == 1:
            return "same"
        if abs(self.ratio - 1) <= (WITHIN if self.floor is None else self.floor):
            return (
                "within the noise"
                if self.floor is not None
                else f"within {100 * WITHIN:g} %, noise not measured"
            )
        return "better" if self.ratio > 1 else "worse"


def table(then: Path, now: Path) -> Table:
    """The two runs' best results, and below them the cells whose definition changed.

    Raises:
        HaqaError: a folder holds no run, or its database cannot be read.
    """
    found = changes(then, now)
    return Table(
        title="What changed between two runs",
        headings=HEADINGS,
        cells=[_cells(change) for change in found],
        notes=[
            *_changed(then, now),
            "Then, now: median over studies of the best feasible value. Verdict: beyond or within the larger noise floor of the two runs "
            f"(the default against itself in pairs); {100 * WITHIN:g} % where none was measured.",
        ],
    )


def changes(then: Path, now: Path) -> list[Change]:
    """Every cell and method of either run."""
    sides = [{(row.cell, row.method): row for row in best.rows(folder)} for folder in (then, now)]
    floors: Mapping[str, float] = _larger([pairs.read(folder).floors for folder in (then, now)])
    keys = sorted({*sides[0], *sides[1]})
    return [Change(*key, sides[0].get(key), sides[1].get(key), floors.get(key[0])) for key in keys]


def _larger(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        cell: max(floors[cell] for floors in found if cell in floors)
        for floors in found
        for cell in floors
    }


def _cells(change: Change) -> list[str]:
    values = [exact(row.best, row.unit) if row else "" for row in (change.then, change.now)]
    ratio = f"{change.ratio:.3f}x" if change.ratio is not None else ""
    return [
        change.cell,
        change.method,
        *values,
        ratio,
        change.verdict,
        *(str(row.studies) if row else "" for row in (change.then, change.now)),
    ]


def _changed(then: Path, now: Path) -> list[str]:
    """The cells of both runs that are not defined alike any more: which parts, and what a recorded
    table of theirs is then.
    """
    sides = [{cell.id: cell for cell in database.suite_of(folder).cells} for folder in (then, now)]
    notes = []
    for name in sorted(sides[0].keys() & sides[1].keys()):
        if parts := _parts(sides[0][name], sides[1][name]):
            notes.append(
                f"{name} is another cell now ({', '.join(parts)} changed): what was measured or recorded then is stale."
            )
    return notes


def _parts(one: Cell, other: Cell) -> list[str]:
    return [name for name in Cell.model_fields if getattr(one, name) != getattr(other, name)]
