"""Winners of a track that trains: trained anew with seeds that no tuning has seen, and tested on
what no tuning has seen.

The default and the references take the same seeds. What each says of every item is kept, so that
two are compared on the same items.
"""

import datetime
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Evaluator, Outcome
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.journal import Journal
from haqa_bench.suite import Cell
from haqa_bench.tracks.repeats import as_they_come

FIRST_SEED = 1000
"""Tuning counts its seeds from 0."""


class TestedEvaluator(Evaluator, Protocol):
    """An evaluator of a track that trains."""

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """As `sample`, with the test metrics in place of those that are tuned on.

        Raises:
            EvaluationFailed: as `measure`.
        """


def tests(
    cell: Cell,
    evaluator: Evaluator,
    configurations: Sequence[Configuration],
    journal: Journal,
    workers: int,
) -> Iterable[int]:
    """Takes what is missing of every configuration's tests into the journal, seed by seed; yields
    how many are left.
    """
    have = {(e["configuration"], e["seed"]) for e in journal.entries[1:]}
    seeds = range(FIRST_SEED, FIRST_SEED + cell.measurement.tests)
    missing = [(seed, c) for seed in seeds for c in configurations if (key_of(c), seed) not in have]
    left = len(missing)
    for row in as_they_come(partial(_test, cast(TestedEvaluator, evaluator)), missing, workers):
        journal.append(row)
        left -= 1
        yield left


def _test(evaluator: TestedEvaluator, what: tuple[int, Configuration]) -> dict[str, Any]:
    seed, configuration = what
    row: dict[str, Any] = {
        "kind": "test",
        "configuration": key_of(configuration),
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "failed": "",
        "values": {},
        "facts": {},
    }
    try:
        outcome = evaluator.test(configuration, seed)
    except EvaluationFailed as failure:
        return row | {"failed": f"{failure.status}: {failure.reason}"}
    return row | {
        "values": {m.name: [m.value, m.unit] for m in outcome.measurements},
        "facts": dict(outcome.facts),
    }
