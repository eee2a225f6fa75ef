"""Looks measurements up in a response table. Every number it gives is `replayed`."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from haqa_bench.arithmetic.estimate import undisturbed
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.tables import Entry, ResponseTable, configurations
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.trial import Objective, Status, Trial


class TableEvaluator:
    """Serves a response table that holds the whole space, with the exact rank of each
    configuration.
    """

    machine = ""

    def __init__(self, table: ResponseTable, cell: Cell) -> None:
        self.table = table
        kept = feasible(table, cell)
        scores = {
            trial.key: score for trial in kept if (score := cell.objective.score(trial)) is not None
        }
        ordered = sorted(-score for score in scores.values())
        ranks = {key: 1 + bisect_left(ordered, -score) for key, score in scores.items()}
        self.whole: Whole | None = _whole(cell.objective, kept)
        self.outcomes = {
            key: Outcome(entry.measurements, entry.facts, _seconds(entry, cell), ranks.get(key))
            for key, entry in table.entries.items()
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


def feasible(table: ResponseTable, cell: Cell) -> list[Trial]:
    """Every configuration that was measured and breaks no constraint."""
    default = _trial(table, cell.space.default)
    trials = [_trial(table, configuration) for configuration in configurations(table, cell.space)]
    return [
        t
        for t in trials
        if cell.objective.score(t) is not None and not cell.objective.violations(t, default)
    ]


def _whole(objective: Objective, feasible: Sequence[Trial]) -> Whole | None:
    if not feasible:
        return None
    best = max(feasible, key=lambda trial: objective.score(trial) or 0.0)
    front, worst = (
        _front([s for t in feasible if (s := objective.scores(t))]) if objective.also else ((), ())
    )
    return Whole(best.value(objective.metric), front, worst, _by_format(objective, feasible))


def _front(
    scores: Sequence[tuple[float, ...]],
) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    import moocore
    import numpy as np

    kept = moocore.filter_dominated(np.array(scores), maximise=True)
    return tuple(sorted(tuple(map(float, point)) for point in kept)), tuple(
        map(min, zip(*scores, strict=True))
    )


def _by_format(objective: Objective, feasible: Sequence[Trial]) -> Mapping[str, tuple[float, ...]]:
    """The objective's samples of the best configuration of each format, in a space that has
    formats.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in feasible:
        if trial.configuration and "format" in trial.configuration:
            groups.setdefault(str(trial.configuration["format"]), []).append(trial)
    best = {
        name: max(trials, key=lambda t: objective.score(t) or 0.0)
        for name, trials in groups.items()
    }
    return {name: _undisturbed(trial, objective.metric) for name, trial in best.items()}


def _undisturbed(trial: Trial, metric: str) -> tuple[float, ...]:
    """The samples that a metric's value was estimated from."""
    samples = {m.name: m.samples for m in trial.measurements}
    return tuple(undisturbed(samples[metric], samples.get("others_share", ())))


def _trial(table: ResponseTable, configuration: Configuration) -> Trial:
    entry = table.entries[key_of(configuration)]
    return Trial(
        number=0,
        configuration=dict(configuration),
        status=entry.status,
        measurements=entry.measurements,
    )


def _seconds(entry: Entry, cell: Cell) -> float | None:
    """What one evaluation took: recorded, or, in tables from before it was, loading and sampling
    alone.
    """
    values = {m.name: m.value for m in entry.measurements}
    timed = (
        isinstance(cell.workload, DeployWorkload)
        and {"load_ms", "end_to_end_tokens_per_s"} <= values.keys()
    )
    if entry.seconds is not None or not timed or not isinstance(cell.workload, DeployWorkload):
        return entry.seconds
    sampling = cell.workload.repeats * cell.workload.n_generate / values["end_to_end_tokens_per_s"]
    return values["load_ms"] / 1000 + sampling
