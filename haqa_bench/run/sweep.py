"""Measures whole cells into response tables: several passes, each over every configuration of every
cell in a fresh random order.

Interleaved, so that a slow minute of the machine falls on all configurations alike; journalled, so
that a kill loses one process.
"""

import datetime
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from haqa_bench import __version__, tracks
from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import LiveEvaluator
from haqa_bench.run.measuring import evaluator_faults, live_evaluator
from haqa_bench.space import Configuration, key_of
from haqa_bench.store import tables
from haqa_bench.store.journal import Journal
from haqa_bench.tracks.repeats import as_they_come
from haqa_bench.trial import Source, Status

AGAIN = 3
"""How many more passes a configuration may get whose passes were disturbed."""


class Sweep(NamedTuple):
    """A cell being measured."""

    cell: Cell
    evaluator: LiveEvaluator
    journal: Journal
    target: Path


def check(cell: Cell) -> None:
    """Raises HaqaError for a cell of which there is no end: its space has a range."""
    if not cell.space.finite:
        todo = f"Its trials are recorded by: haqa-bench run SUITE --cells {cell.id} --measure live"
        raise HaqaError(cell.id, "its space has a range, and no table can hold all of it", todo)


def open_sweep(cell: Cell, target: Path, evaluator: LiveEvaluator | None = None) -> Sweep:
    """A new sweep of `cell` into `target`, or the one that was begun there; measured by this
    machine, unless an `evaluator` is given.

    Raises:
        HaqaError: the journal there is of another cell or model, or the space has a range.
    """
    check(cell)
    evaluator = evaluator or live_evaluator(cell, Path())
    journal = Journal(target.with_suffix(".jsonl.partial"))
    card = {
        "cell": cell.id,
        "choices_sha256": sha256(
            {name: list(p.choices) for name, p in cell.space.listable.items()}
        ),
        "workload": cell.workload.model_dump(mode="json"),
        **evaluator.made_of,
        "hardware": cell.hardware.name,
        "haqa_bench": __version__,
    }
    if cell.simulated:
        card["source"] = Source.SIMULATED
    if not journal.entries:
        journal.append(card)
    elif journal.entries[0] != card:
        raise HaqaError(
            journal.path,
            "was begun with another space, workload or model",
            "Finish it with those, or delete it",
        )
    return Sweep(cell, evaluator, journal, target)


def sweep(
    sweeps: Sequence[Sweep],
    passes: int,
    seed: int,
    done: Callable[[], None],
    workers: int = 1,
    apart: bool = False,
) -> None:
    """Measures what is missing, then what was disturbed again, then writes each table. `done` is
    called after each measurement. `apart`: what several workers measure at once runs on a machine
    each, as in a cluster.

    Raises:
        HaqaError: several workers are asked for where times are measured, which would disturb each
        other.
    """
    together = workers > 1 and not apart
    if timed := [
        one.cell.id for one in sweeps if together and tracks.of(one.cell).confirmed != "tests"
    ]:
        raise HaqaError(
            "--workers",
            f"{timed[0]} measures times: one configuration at a time",
            "Leave it out, or choose others with --cells",
        )
    for number in range(passes + AGAIN):
        for one in sweeps:
            order = list(one.cell.space.grid())
            random.Random(seed + number).shuffle(order)
            have = {(e["pass"], e["configuration"]) for e in one.journal.entries[1:]}
            enough = _undisturbed(one.journal, passes) if number >= passes else set()
            missing = [
                c for c in order if (number, key_of(c)) not in have and key_of(c) not in enough
            ]
            for _ in range(len(order) - len(missing) if number < passes else 0):
                done()
            with evaluator_faults(one.cell):
                for row in as_they_come(partial(_row, one.evaluator, number), missing, workers):
                    one.journal.append(row)
                    if number < passes:
                        done()
    for one in sweeps:
        rows = one.journal.entries[1:]
        dates = sorted({row["date"] for row in rows})
        card = {
            **one.journal.entries[0],
            "passes": passes,
            "again": AGAIN,
            "measured": [dates[0], dates[-1]],
            "order_seed": seed,
        }
        tables.write(one.target, card, rows)
        one.journal.path.unlink()


def _undisturbed(journal: Journal, passes: int) -> set[str]:
    """The configurations that have as many passes as asked for in which nobody else took a share of
    the machine, or that fail.
    """
    quiet: Counter[str] = Counter()
    for row in journal.entries[1:]:
        shares = [
            s
            for reading in row["readings"]
            if reading["name"] == "others_share"
            for s in reading["samples"]
        ]
        quiet[row["configuration"]] += all(share <= QUIET for share in shares)
    return {configuration for configuration, count in quiet.items() if count >= passes}


def _row(evaluator: LiveEvaluator, number: int, configuration: Configuration) -> Mapping[str, Any]:
    row: JsonObject = {
        "configuration": key_of(configuration),
        "pass": number,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    try:
        outcome = evaluator.sample(configuration, repeat=number)
    except EvaluationFailed as failure:
        return row | {
            "status": failure.status,
            "reason": failure.reason,
            "readings": _taken(failure.seconds),
            "facts": {},
        }
    readings = [
        {"name": m.name, "unit": m.unit, "samples": m.samples} for m in outcome.measurements
    ]
    return row | {
        "status": Status.OK,
        "reason": "",
        "readings": readings + _taken(outcome.seconds),
        "facts": dict(outcome.facts),
    }


def _taken(seconds: float | None) -> list[JsonObject]:
    return [] if seconds is None else [{"name": tables.TAKEN, "unit": "s", "samples": [seconds]}]
