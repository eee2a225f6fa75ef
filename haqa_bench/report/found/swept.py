"""The response table that a run's cell was replayed from, as its configurations."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Project, Run
from haqa_bench.report import traits
from haqa_bench.report.found.studies import results
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.entries import Floats
from haqa_bench.tracks.replayed import Counted, counted


class Swept(NamedTuple):
    """A cell, its table, and the configurations that count: measured, and within the
    constraints.
    """

    cell: Cell
    table: tables.ResponseTable
    counted: Counted

    @property
    def default(self) -> int | None:
        """The place of the default among those that count; None where it does not."""
        place = self.table.entries.place(key_of(self.cell.space.default))
        found = (self.counted.places == place).nonzero()[0]
        return int(found[0]) if len(found) else None

    @property
    def optimum(self) -> str:
        """The key of the best; the first of the space among equals."""
        return self.table.entries.key(int(self.counted.places[self.counted.best]))

    @property
    def values(self) -> Floats:
        """Their values, in the objective's unit."""
        scores = self.counted.scores
        return -scores if self.cell.objective.direction == "minimize" else scores


@lru_cache(maxsize=64)
def swept(run: Run, project: Project, cell_id: str) -> Swept | None:
    """The table of a run's cell; None where none was replayed, it holds decisions and no space,
    nothing of it counts, or its best is not that of the table that the run replayed.

    Raises:
        HaqaError: the table is damaged, or another cell's.
    """
    replayed = {r.optimum for r in results(run) if r.cell == cell_id} - {None}
    cell = run.cells[cell_id]
    return read(cell, project.table(cell), replayed)


def read(cell: Cell, path: Path, replayed: Collection[float | None]) -> Swept | None:
    """The table of a cell that lies at `path`, as `swept`; `replayed` is the best value that the
    studies of the cell say their table had.

    Raises:
        HaqaError: the table is damaged, or another cell's.
    """
    if not replayed or not traits.walked(cell) or not path.is_file():
        return None
    table = tables.read(path)
    if cell.space.recorded and not tables.fits(table, cell.space):
        return None
    tables.check(table, cell)
    found = Swept(cell, table, counted(table, cell))
    known = len(found.values) > 0
    return found if known and {float(found.values[found.counted.best])} == set(replayed) else None
