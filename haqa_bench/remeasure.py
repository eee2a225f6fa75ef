"""Winners measured again, apart from the tuning: in pairs with the default, interleaved, each process fresh and in random order.

What tuning reports is the largest of many noisy numbers, hence too large. A pair is taken within seconds, so that what slows the machine
slows both. The default also meets itself: how far those pairs are from 1 is the machine's noise floor.
"""

import datetime
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from haqa_bench import __version__
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.estimate import QUIET, estimate
from haqa_bench.evaluators import live
from haqa_bench.protocols import Evaluator
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.journal import Journal, read_lines
from haqa_bench.suite import Cell

AGAIN = 2
"""How many times as many pairs a configuration may get when some were disturbed."""
FLOOR = 3
"""How many times as many pairs the default takes with itself: every comparison rests on what they say."""


def path_of(folder: Path, cell: Cell) -> Path:
    """Where the pairs of a cell lie below a folder."""
    return folder / cell.track / f"{cell.id}.jsonl"


def pairs(cell: Cell, evaluator: Evaluator, configurations: Sequence[Configuration], path: Path) -> Iterable[int]:
    """Takes what is missing of every configuration's pairs with the default into the journal at `path`; yields how many are left.

    Raises:
        HaqaError: the journal there is of another cell, workload or machine.
    """
    journal = _opened(cell, evaluator, path)
    wanted = {key_of(c): c for c in configurations}
    enough = dict.fromkeys(wanted, cell.measurement.pairs) | {key_of(cell.space.default): FLOOR * cell.measurement.pairs}
    for number in range(AGAIN * max(enough.values())):
        order = [k for k in wanted if _quiet(journal, k) < enough[k] and number < AGAIN * enough[k] and not _has(journal, k, number)]
        random.Random(sha256({"cell": cell.id, "pair": number})).shuffle(order)
        for key in order:
            yield sum(max(enough[k] - _quiet(journal, k), 0) for k in wanted)
            journal.append(_pair(cell, evaluator, wanted[key], number))


def read(path: Path, cell: Cell) -> Sequence[dict[str, Any]]:
    """The pairs in a journal, which must be of this cell; none where there is no journal.

    Raises:
        HaqaError: it is of another cell or workload.
    """
    if not path.is_file():
        return []
    entries = read_lines(path)
    card = entries[0] if entries else {}
    if card.get("cell") != cell.id or card.get("workload") != cell.workload.model_dump(mode="json"):
        raise HaqaError(path, f"holds pairs of another cell or workload than {cell.id}'s now", "Delete it, and run: haqa-bench verify RUN")
    return entries[1:]


def _opened(cell: Cell, evaluator: Evaluator, path: Path) -> Journal:
    journal = Journal(path)
    card = {
        "kind": "card",
        "cell": cell.id,
        "workload": cell.workload.model_dump(mode="json"),
        "default": key_of(cell.space.default),
        "metric": cell.objective.metric,
        "unit": cell.objective.unit,
        "machine": evaluator.machine,
        "haqa_bench": __version__,
    }
    if not journal.entries:
        journal.append(card)
    elif journal.entries[0] != card:
        raise HaqaError(path, "was begun with another workload, default or machine", "Finish it there, or delete it")
    return journal


def _pair(cell: Cell, evaluator: Evaluator, configuration: Configuration, number: int) -> dict[str, Any]:
    """One pair. A failure of either side is kept, with neither's value."""
    sides = {"default": cell.space.default, "tuned": configuration}
    order = sorted(sides)
    random.Random(sha256({"cell": cell.id, "pair": number, "configuration": key_of(configuration)})).shuffle(order)
    row: dict[str, Any] = {
        "kind": "pair",
        "configuration": key_of(configuration),
        "pair": number,
        "first": order[0],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "others": 0.0,
        "failed": "",
    }
    for side in order:
        try:
            outcome = evaluator.sample(sides[side], quality=False)
        except EvaluationFailed as failure:
            return row | {"failed": f"{side}: {failure.status}: {failure.reason}"}
        found = {m.name: m for m in outcome.measurements}
        metric = found[cell.objective.metric]
        others = found["others_share"].samples if "others_share" in found else ()
        row[f"{side}_samples"] = metric.samples
        row[side] = estimate(metric.samples, metric.unit, others).value
        row["others"] = max(row["others"], *others, 0.0)
    return row


def _quiet(journal: Journal, key: str) -> int:
    """The pairs of a configuration in which nobody else took a share of the machine, or that failed, which no repeat will mend."""
    return sum(e["others"] <= QUIET or bool(e["failed"]) for e in journal.entries[1:] if e["configuration"] == key)


def _has(journal: Journal, key: str, number: int) -> bool:
    return any(e["configuration"] == key and e["pair"] == number for e in journal.entries[1:])


def winners(found: Iterable[tuple[str, str]], cell: Cell) -> list[Configuration]:
    """The distinct configurations of a cell among `found`, pairs of cell id and configuration in JSON; the default first, peers last."""
    tuned = {key_of(c): c for c in (json.loads(text) for name, text in found if name == cell.id)}
    tuned.pop(key_of(cell.space.default), None)
    return [cell.space.default, *(tuned[key] for key in sorted(tuned)), *live.peers(cell)]
