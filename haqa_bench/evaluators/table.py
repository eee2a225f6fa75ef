"""Looks measurements up in a response table. Every number it gives is `replayed`."""

from bisect import bisect_left

from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.tables import Entry, ResponseTable
from haqa_bench.suite import Cell
from haqa_bench.trial import Status, Trial
from haqa_bench.workloads import DeployWorkload


class TableEvaluator:
    """Serves a response table that holds the whole space, with the exact rank of each configuration."""

    machine = ""

    def __init__(self, table: ResponseTable, cell: Cell) -> None:
        self.table = table
        scores = _feasible(table, cell)
        ordered = sorted(-score for score in scores.values())
        ranks = {key: 1 + bisect_left(ordered, -score) for key, score in scores.items()}
        self.optimum: float | None = None
        if scores:
            best = max(scores.values())
            self.optimum = best if cell.objective.direction == "maximize" else -best
        self.outcomes = {
            key: Outcome(entry.measurements, entry.facts, _seconds(entry, cell), ranks.get(key)) for key, entry in table.entries.items()
        }

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        key = key_of(configuration)
        entry = self.table.entries[key]
        if entry.status is not Status.OK:
            raise EvaluationFailed(entry.status, entry.reason, entry.seconds)
        return self.outcomes[key]

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is recorded is recorded."""
        return self.measure(configuration)


def _feasible(table: ResponseTable, cell: Cell) -> dict[str, float]:
    """The score of every configuration that was measured and breaks no constraint, by key."""
    default = _trial(table, cell.space.default)
    trials = [_trial(table, configuration) for configuration in cell.space.grid()]
    scored = [(t.key, cell.objective.score(t)) for t in trials if not cell.objective.violations(t, default)]
    return {key: score for key, score in scored if key is not None and score is not None}


def _trial(table: ResponseTable, configuration: Configuration) -> Trial:
    entry = table.entries[key_of(configuration)]
    return Trial(number=0, configuration=dict(configuration), status=entry.status, measurements=entry.measurements)


def _seconds(entry: Entry, cell: Cell) -> float | None:
    """What one evaluation took: recorded, or, in tables from before it was, loading and sampling alone."""
    values = {m.name: m.value for m in entry.measurements}
    timed = isinstance(cell.workload, DeployWorkload) and {"load_ms", "end_to_end_tokens_per_s"} <= values.keys()
    if entry.seconds is not None or not timed or not isinstance(cell.workload, DeployWorkload):
        return entry.seconds
    sampling = cell.workload.repeats * cell.workload.n_generate / values["end_to_end_tokens_per_s"]
    return values["load_ms"] / 1000 + sampling
