"""Looks measurements up in a response table. Every number it gives is `replayed`."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.arithmetic.estimate import undisturbed
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.entries import Entries, Entry, Floats, Places
from haqa_bench.store.tables import ResponseTable, configurations, places
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.trial import Constraint, Goal, Objective, Status, Trial


class Counted(NamedTuple):
    """The configurations of a cell that were measured and break no constraint, in the order of its
    space: where they stand in the space and in the table, and their scores, larger for better.
    """

    numbers: Places
    places: Places
    scores: Floats

    @property
    def best(self) -> int:
        """Which of them is the best; the first among equals."""
        return int(np.argmax(self.scores))


class TableEvaluator:
    """Serves a response table that holds the whole space, with the exact rank of each
    configuration.
    """

    machine = ""

    def __init__(self, table: ResponseTable, cell: Cell) -> None:
        self.table = table
        kept = counted(table, cell)
        self.whole: Whole | None = _whole(table, cell, kept)
        self.ranks = _ranks(table, kept)
        """The exact rank of each entry of the table, 1 for the best; 0 of one that does not
        count.
        """
        self.outcomes: Mapping[str, Outcome] = Outcomes(table.entries, cell, self.ranks)

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        key = key_of(configuration)
        entry = self.table.entries[key]
        if entry.status is not Status.OK:
            raise EvaluationFailed(entry.status, entry.reason, entry.seconds, entry.facts)
        return self.outcomes[key]

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is recorded is recorded."""
        return self.measure(configuration)


class Outcomes(Mapping[str, Outcome]):
    """What a table says of each of its configurations, by key. `ranks` are those of its entries, 1
    for the best; 0 of those that do not count.
    """

    def __init__(self, entries: Entries, cell: Cell, ranks: Places) -> None:
        self.entries, self.cell, self.ranks = entries, cell, ranks

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __getitem__(self, key: str) -> Outcome:
        place = self.entries.place(key)
        if place is None:
            raise KeyError(key)
        entry, rank = self.entries.at(place), int(self.ranks[place])
        return Outcome(entry.measurements, entry.facts, _seconds(entry, self.cell), rank or None)


def counted(table: ResponseTable, cell: Cell) -> Counted:
    """Every configuration that was measured and breaks no constraint."""
    known, entries = places(table, cell.space), table.entries
    scores = scores_of(entries, cell.objective, known)
    default = entries.place(key_of(cell.space.default))
    kept = ~np.isnan(scores)
    for constraint in cell.objective.constraints:
        kept &= ~_breaks(constraint, entries.metric(constraint.metric), known, default)
    numbers = np.flatnonzero(kept)
    return Counted(numbers, known[numbers], scores[numbers])


def feasible(table: ResponseTable, cell: Cell) -> list[Trial]:
    """As `counted`, as trials: for tables that are small."""
    kept = set(counted(table, cell).numbers.tolist())
    return [
        _trial(table, configuration)
        for number, configuration in enumerate(configurations(table, cell.space))
        if number in kept
    ]


def scores_of(entries: Entries, goal: Goal, at: Places) -> Floats:
    """See Goal.score."""
    values = entries.metric(goal.metric)[at]
    return -values if goal.direction == "minimize" else values


def _breaks(
    constraint: Constraint, values: Floats, at: Places, default: int | None
) -> NDArray[np.bool_]:
    """See Constraint.excess."""
    reference = None if default is None or np.isnan(values[default]) else float(values[default])
    with np.errstate(over="ignore"):  # beyond any limit
        over = constraint.over(values[at], reference)
    return np.zeros(len(at), bool) if over is None else np.asarray(over > 0)


def _ranks(table: ResponseTable, kept: Counted) -> Places:
    """The rank of each entry, equal ones sharing the better; 0 of those that do not count."""
    ranks, order = np.zeros(len(table.entries), np.intp), np.argsort(-kept.scores)
    ordered, numbers = kept.scores[order], np.arange(len(order))
    leads = np.append([True], ordered[1:] != ordered[:-1])[: len(order)]
    ranks[kept.places[order]] = 1 + np.maximum.accumulate(np.where(leads, numbers, 0))
    return ranks


def _whole(table: ResponseTable, cell: Cell, kept: Counted) -> Whole | None:
    if not len(kept.numbers):
        return None
    objective, entries = cell.objective, table.entries
    optimum = float(entries.metric(objective.metric)[kept.places[kept.best]])
    front, worst = _front(objective, entries, kept) if objective.also else ((), ())
    return Whole(optimum, front, worst, _by_format(table, cell, kept))


def _front(
    objective: Objective, entries: Entries, kept: Counted
) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    import moocore

    every = np.stack([scores_of(entries, goal, kept.places) for goal in objective.goals], axis=1)
    scores = every[~np.isnan(every).any(axis=1)]
    if not len(scores):
        return (), ()
    front = moocore.filter_dominated(scores, maximise=True)
    worst = tuple(float(of_goal[of_goal.argmin()]) for of_goal in scores.T)
    return tuple(sorted(tuple(map(float, point)) for point in front)), worst


def _by_format(table: ResponseTable, cell: Cell, kept: Counted) -> Mapping[str, tuple[float, ...]]:
    """The objective's samples of the best configuration of each format, in a space that has
    formats.
    """
    if "format" not in cell.space.root:
        return {}
    every = [str(c["format"]) for c in configurations(table, cell.space)]
    best: dict[str, int] = {}
    for at, number in enumerate(kept.numbers.tolist()):
        name = every[number]
        if name not in best or kept.scores[at] > kept.scores[best[name]]:
            best[name] = at
    entries = {name: table.entries.at(int(kept.places[at])) for name, at in best.items()}
    return {name: _undisturbed(entry, cell.objective.metric) for name, entry in entries.items()}


def _undisturbed(entry: Entry, metric: str) -> tuple[float, ...]:
    """The samples that a metric's value was estimated from."""
    samples = {m.name: m.samples for m in entry.measurements}
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
