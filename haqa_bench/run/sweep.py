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
from haqa_bench.store.journal import Journal
from haqa_bench.tracks.repeats import as_they_come
from haqa_bench.trial import TAKEN, Source, Status

AGAIN = 3
"""How many more passes a configuration may get whose passes were disturbed."""
PARTIAL = ".jsonl.partial"
"""What a journal ends with, in place of the .parquet of the table that it is to become."""
CUT = "cut_off_s"
"""What an entry of a journal says that is no row: for how many seconds a configuration ran that
was ended because the time was over.
"""


class Sweep(NamedTuple):
    """A cell being measured."""

    cell: Cell
    evaluator: LiveEvaluator
    journal: Journal
    target: Path

    @property
    def rows(self) -> list[JsonObject]:
        """What was measured so far."""
        return rows_of(self.journal)


def rows_of(journal: Journal) -> list[JsonObject]:
    """The rows of a journal, without its card and what was cut off."""
    return [entry for entry in journal.entries[1:] if CUT not in entry]


def begun(target: Path) -> bool:
    """Whether a table was begun, and is not whole."""
    return target.with_suffix(PARTIAL).is_file()


def check(cell: Cell) -> None:
    """Raises HaqaError for a cell of which there is no end: its space has a range or a source."""
    if not cell.space.finite:
        todo = f"Its trials are recorded by: haqa-bench run SUITE --cells {cell.id} --measure live"
        what = f"its space has {cell.space.endless}, and no table can hold all of it"
        raise HaqaError(cell.id, what, todo)


def open_sweep(cell: Cell, target: Path, evaluator: LiveEvaluator | None = None) -> Sweep:
    """A new sweep of `cell` into `target`, or the one that was begun there; measured by this
    machine, unless an `evaluator` is given.

    Raises:
        HaqaError: the journal there is of another cell or model, or there is no end of its space.
    """
    check(cell)
    evaluator = evaluator or live_evaluator(cell, Path())
    journal = Journal(target.with_suffix(PARTIAL))
    card = {**of_cell(cell), **evaluator.made_of, "haqa_bench": __version__}
    if not journal.entries:
        journal.append(card)
    elif journal.entries[0] != card:
        raise HaqaError(
            journal.path,
            "was begun with another space, workload or model",
            "Finish it with those, or delete it",
        )
    return Sweep(cell, evaluator, journal, target)


def of_cell(cell: Cell) -> JsonObject:
    """What the card of a cell's table says of the cell."""
    choices = {name: list(p.choices) for name, p in cell.space.listable.items()}
    card: JsonObject = {
        "cell": cell.id,
        "choices_sha256": sha256(choices),
        "workload": cell.workload.model_dump(mode="json"),
        "hardware": cell.hardware.name,
    }
    return card | ({"source": Source.SIMULATED} if cell.simulated else {})


def sweep(
    sweeps: Sequence[Sweep],
    passes: int,
    seed: int,
    done: Callable[[], None],
    workers: int = 1,
    apart: bool = False,
) -> None:
    """Measures as `measure` does, then writes each table."""
    measure(sweeps, passes, seed, done, workers, apart)
    for one in sweeps:
        finish(one, passes, seed)


def measure(
    sweeps: Sequence[Sweep],
    passes: int,
    seed: int,
    done: Callable[[], None],
    workers: int = 1,
    apart: bool = False,
) -> None:
    """Measures what is missing, then what was disturbed again. `done` is called after each
    measurement. `apart`: what several workers measure at once runs on a machine each, as in a
    cluster.

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
            have = {(e["pass"], e["configuration"]) for e in one.rows}
            enough = undisturbed(one.rows, passes) if number >= passes else set()
            missing = [
                c for c in order if (number, key_of(c)) not in have and key_of(c) not in enough
            ]
            for _ in range(len(order) - len(missing) if number < passes else 0):
                done()
            with evaluator_faults(one.cell):
                for row in as_they_come(partial(row_of, one.evaluator, number), missing, workers):
                    one.journal.append(row)
                    if number < passes:
                        done()


def finish(one: Sweep, passes: int, seed: int, told: Mapping[str, object] | None = None) -> None:
    """Writes the table of a cell that was measured, in place of its journal; with what else is
    `told` in its card.
    """
    write(one.target, one.journal, passes, seed, told)
    one.journal.path.unlink()


def write(
    target: Path, journal: Journal, passes: int, seed: int, told: Mapping[str, object] | None = None
) -> None:
    """Writes what a journal holds as a response table, with what else is `told` in its card."""
    from haqa_bench.store import tables  # a machine that only measures may lack what writes them

    rows = rows_of(journal)
    dates = sorted({row["date"] for row in rows})
    card = {
        **journal.entries[0],
        "passes": passes,
        "again": AGAIN,
        "measured": [dates[0], dates[-1]],
        "order_seed": seed,
        **(told or {}),
    }
    tables.write(target, card, rows)


def undisturbed(rows: Sequence[JsonObject], passes: int) -> set[str]:
    """The configurations that have as many passes as asked for in which nobody else took a share of
    the machine, or that fail.
    """
    quiet: Counter[str] = Counter()
    for row in rows:
        shares = [
            s
            for reading in row["readings"]
            if reading["name"] == "others_share"
            for s in reading["samples"]
        ]
        quiet[row["configuration"]] += all(share <= QUIET for share in shares)
    return {configuration for configuration, count in quiet.items() if count >= passes}


def row_of(
    evaluator: LiveEvaluator, number: int, configuration: Configuration
) -> Mapping[str, Any]:
    """What one measurement of a configuration gives, as a row of a table."""
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
            "facts": failure.facts,
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
    return [] if seconds is None else [{"name": TAKEN, "unit": "s", "samples": [seconds]}]
