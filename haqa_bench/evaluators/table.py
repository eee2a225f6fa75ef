"""Looks measurements up in a response table. Every number it gives is `replayed`."""

from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.tables import ResponseTable
from haqa_bench.suite import Cell
from haqa_bench.trial import Status, Trial


class TableEvaluator:
    """Serves a response table that holds the whole space."""

    def __init__(self, table: ResponseTable, cell: Cell) -> None:
        self.table, self.optimum = table, optimum(table, cell)

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        entry = self.table.entries[key_of(configuration)]
        if entry.status is not Status.OK:
            raise EvaluationFailed(entry.status, entry.reason)
        return Outcome(entry.measurements, entry.facts)


def optimum(table: ResponseTable, cell: Cell) -> float | None:
    """The best value of the cell's objective in its whole space, in the objective's unit; None when nothing is feasible."""
    configurations = [cell.space.default, *cell.space.grid()]
    entries = [table.entries[key_of(c)] for c in configurations]
    trials = [
        Trial(number=n, configuration=dict(c), status=e.status, measurements=e.measurements)
        for n, (c, e) in enumerate(zip(configurations, entries, strict=True))
    ]
    best = cell.objective.best(trials)
    return best.value(cell.objective.metric) if best else None
