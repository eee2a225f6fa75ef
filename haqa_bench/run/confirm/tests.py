"""Winners of a track that trains: trained anew with seeds that no tuning has seen, and tested on
what no tuning has seen.

The default and the references take the same seeds. What each says of every item is kept, so that
two are compared on the same items.
"""

import datetime
from collections.abc import Iterable, Sequence
from functools import partial

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import (
    Evaluator,
    Outcome,
    Reference,
    Subject,
    TestedEvaluator,
    can_test,
    subject_key,
)
from haqa_bench.store.journal import Journal
from haqa_bench.tracks.repeats import as_they_come

FIRST_SEED = 1000
"""Tuning counts its seeds from 0."""


def tests(
    cell: Cell,
    evaluator: Evaluator,
    configurations: Sequence[Subject],
    journal: Journal,
    workers: int,
) -> Iterable[int]:
    """Takes what is missing of every configuration's tests into the journal, seed by seed; yields
    how many are left.
    """
    if not can_test(evaluator):
        raise HaqaError(cell.id, "what measures it tests nothing", "Replay its recorded tests")
    have = {(e["configuration"], e["seed"]) for e in journal.entries[1:]}
    seeds = range(FIRST_SEED, FIRST_SEED + cell.measurement.tests)
    missing = [
        (seed, c) for seed in seeds for c in configurations if (subject_key(c), seed) not in have
    ]
    left = len(missing)
    for row in as_they_come(partial(_test, evaluator), missing, workers):
        journal.append(row)
        left -= 1
        yield left


def _test(evaluator: TestedEvaluator, what: tuple[int, Subject]) -> JsonObject:
    seed, configuration = what
    row: JsonObject = {
        "kind": "test",
        "configuration": subject_key(configuration),
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "failed": "",
        "values": {},
        "facts": {},
    }
    try:
        outcome = _tested(evaluator, configuration, seed)
    except EvaluationFailed as failure:
        return row | {"failed": f"{failure.status}: {failure.reason}"}
    return row | {
        "values": {m.name: [m.value, m.unit] for m in outcome.measurements},
        "facts": dict(outcome.facts),
    }


def _tested(evaluator: TestedEvaluator, subject: Subject, seed: int) -> Outcome:
    if isinstance(subject, Reference):
        return evaluator.refer(subject, seed)
    return evaluator.test(subject, seed)
