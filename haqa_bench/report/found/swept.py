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
from haqa_bench.tracks.replayed import feasible
from haqa_bench.trial import Trial


class Swept(NamedTuple):
    """A cell, and the configurations that count, by key: measured, and within the constraints."""

    cell: Cell
    counted: dict[str, Trial]

    @property
    def default(self) -> str:
        """The key of the default."""
        return key_of(self.cell.space.default)

    @property
    def optimum(self) -> str:
        """The key of the best; the first of the space among equals."""
        score = self.cell.objective.score
        return max(self.counted, key=lambda key: score(self.counted[key]) or 0.0)

    def value(self, key: str) -> float:
        """A configuration's value, in the objective's unit."""
        metric = self.cell.objective.metric
        return next(m.value for m in self.counted[key].measurements if m.name == metric)


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
    tables.check(table, cell)
    known = {t.key: t for t in feasible(table, cell) if t.key is not None}
    found = Swept(cell, known)
    return found if known and {found.value(found.optimum)} == set(replayed) else None
