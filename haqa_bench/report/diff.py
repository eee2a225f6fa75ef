"""Two runs beside each other: what each method found then and now, whether the change is beyond the
noise, and which cells changed why.
"""

from collections.abc import Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report import statistics
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.found.pairs import pairs
from haqa_bench.report.tables.table import Column, Form, Table, Value, exact, value, whole, words

COLUMNS = (
    Column("Cell", role="key"),
    Column("Method", role="key"),
    Column("Then"),
    Column("Now"),
    Column("Change", "1", 3),
    Column("Verdict", role="words"),
    Column("n then", role="n"),
    Column("n now", role="n"),
)
WITHIN = 0.02
"""What counts as no change where no noise floor was measured: a share of the value."""


class Change(NamedTuple):
    """What a method found on a cell, then and now; None where it was not run."""

    cell: str
    method: str
    then: Best | None
    now: Best | None
    floor: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as good as then, above 1 is better."""
        if not self.then or not self.now or not self.then.best or not self.now.best:
            return None
        return statistics.times_better(self.now.best, self.then.best, self.now.direction)

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


def table(then: Run, now: Run) -> Table:
    """The two runs' best results, and below them the cells whose definition changed.

    Raises:
        HaqaError: a database cannot be read.
    """
    found = changes(then, now)
    return Table(
        title="What changed between two runs",
        columns=COLUMNS,
        rows=[_row(change) for change in found],
        notes=[
            *_changed(then, now),
            "Then, now: median over studies of the best feasible value. Verdict: "
            "beyond or within the larger noise floor of the two runs "
            f"(the default against itself in pairs); {100 * WITHIN:g} % where none was measured.",
        ],
    )


def changes(then: Run, now: Run) -> list[Change]:
    """Every cell and method of either run."""
    sides = [{(row.cell, row.method): row for row in best(run)} for run in (then, now)]
    floors = [pairs(run).floors for run in (then, now)]
    found = []
    for cell, method in sorted({*sides[0], *sides[1]}):
        floor = max((known[cell] for known in floors if cell in known), default=None)
        key = (cell, method)
        found.append(Change(cell, method, sides[0].get(key), sides[1].get(key), floor))
    return found


def _row(change: Change) -> Sequence[Value]:
    both, ratio = (change.then, change.now), change.ratio
    return [
        words(change.cell),
        words(change.method),
        *(exact(row.best, row.unit, n=row.studies) if row else words("") for row in both),
        words("") if ratio is None else value(ratio, Form("{number}x", 3), unit="1"),
        words(change.verdict),
        *(whole(row.studies) if row else words("") for row in both),
    ]


def _changed(then: Run, now: Run) -> list[str]:
    """The cells of both runs that are not defined alike any more: which parts, and what a recorded
    table of theirs is then.
    """
    notes = []
    for name in sorted(then.cells.keys() & now.cells.keys()):
        if parts := _parts(then.cells[name], now.cells[name]):
            notes.append(
                f"{name} is another cell now ({', '.join(parts)} changed): what was "
                "measured or recorded then is stale."
            )
    return notes


def _parts(one: Cell, other: Cell) -> list[str]:
    return [name for name in Cell.model_fields if getattr(one, name) != getattr(other, name)]
