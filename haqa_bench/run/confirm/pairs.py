"""Winners measured again, apart from the tuning: in pairs with the default, interleaved, each
process fresh and in random order.

What tuning reports is the largest of many noisy numbers, hence too large. A pair is taken within
seconds, so that what slows the machine slows both. The default also meets itself: how far those
pairs are from 1 is the machine's noise floor.
"""

import datetime
import random
from collections.abc import Iterable, Sequence
from statistics import median_high

from haqa_bench.arithmetic.estimate import QUIET, estimate, undisturbed
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, sha256
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import (
    Evaluator,
    Outcome,
    Reference,
    Subject,
    can_refer,
    subject_key,
)
from haqa_bench.space import key_of
from haqa_bench.store.confirmed import DEFAULT, TUNED, Failure, failure
from haqa_bench.store.journal import Journal
from haqa_bench.trial import Status

AGAIN = 2
"""How many times as many pairs a configuration may get when some were disturbed."""
VAIN = 2
"""Pairs in which the default fails before it is given up."""
FLOOR = 3
"""How many times as many pairs the default takes with itself, where its cell says no number: every
comparison rests on what they say.
"""


def pairs(
    cell: Cell, evaluator: Evaluator, configurations: Sequence[Subject], journal: Journal
) -> Iterable[int]:
    """Takes what is missing of every configuration's pairs with the default into the journal;
    yields how many are left.
    """
    wanted = {subject_key(c): c for c in configurations}
    usual = key_of(cell.space.default)
    enough = dict.fromkeys(wanted, cell.measurement.pairs) | {
        usual: cell.measurement.floor or FLOOR * cell.measurement.pairs
    }
    for number in range(AGAIN * max(enough.values())):
        order = [
            k
            for k in wanted
            if _taken(journal, k) < enough[k]
            and not _in_vain(journal, k, usual)
            and number < AGAIN * enough[k]
            and not _has(journal, k, number)
        ]
        random.Random(sha256({"cell": cell.id, "pair": number})).shuffle(order)
        for key in order:
            yield sum(
                max(enough[k] - _taken(journal, k), 0)
                for k in wanted
                if not _in_vain(journal, k, usual)
            )
            journal.append(_pair(cell, evaluator, wanted[key], number))


def _pair(cell: Cell, evaluator: Evaluator, configuration: Subject, number: int) -> JsonObject:
    """One pair, without the samples that others disturbed; it is disturbed itself where half of a
    side's samples were. A failure of either side is kept, with neither's value.
    """
    sides: dict[str, Subject] = {DEFAULT: cell.space.default, TUNED: configuration}
    order = sorted(sides)
    random.Random(
        sha256({"cell": cell.id, "pair": number, "configuration": subject_key(configuration)})
    ).shuffle(order)
    row: JsonObject = {
        "kind": "pair",
        "configuration": subject_key(configuration),
        "pair": number,
        "first": order[0],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "others": 0.0,
        "failed": "",
    }
    for side in order:
        try:
            outcome = _sample(evaluator, sides[side], 1 + number)
        except EvaluationFailed as fault:
            return row | {"failed": str(Failure(side, f"{fault.status}: {fault.reason}"))}
        found = {m.name: m for m in outcome.measurements}
        metric = found[cell.objective.metric]
        others = found["others_share"].samples if "others_share" in found else ()
        kept = undisturbed(metric.samples, others)
        row[f"{side}_samples"] = kept
        row[side] = estimate(kept, metric.unit).value
        row["others"] = max(row["others"], median_high(others or (0.0,)))
    return row


def _sample(evaluator: Evaluator, subject: Subject, repeat: int) -> Outcome:
    if not isinstance(subject, Reference):
        return evaluator.sample(subject, repeat)
    if not can_refer(evaluator):
        raise EvaluationFailed(Status.REFUSED, f"nothing here measures {subject.name}")
    return evaluator.refer(subject, repeat)


def _in_vain(journal: Journal, key: str, usual: str) -> bool:
    """Whether nothing can be held against a default that fails: no pair of any configuration was
    measured, and in some of this one, VAIN at the least, it was the default that failed.
    """
    if not all(e["failed"] for e in journal.entries[1:]):
        return False
    failed = [failure(e["failed"]) for e in journal.entries[1:] if e["configuration"] == key]
    return sum(key == usual or one.of_default for one in failed) >= VAIN


def _taken(journal: Journal, key: str) -> int:
    """The pairs of a configuration in which nobody else took a share of the machine, or that
    failed, which no repeat will mend.
    """
    return sum(
        e["others"] <= QUIET or bool(e["failed"])
        for e in journal.entries[1:]
        if e["configuration"] == key
    )


def _has(journal: Journal, key: str, number: int) -> bool:
    return any(e["configuration"] == key and e["pair"] == number for e in journal.entries[1:])
