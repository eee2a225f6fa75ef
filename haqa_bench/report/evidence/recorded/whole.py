"""The whole of a response table: every configuration's value, and which of them count."""

from collections.abc import Mapping
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.report import traits
from haqa_bench.report.evidence.recorded import trials
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.evidence.rules import group, step
from haqa_bench.report.evidence.tree import Part, Reading, Step
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.tables import Entry
from haqa_bench.trial import Trial

MOST = 20_000
"""Configurations of a table that an explanation lists."""


class Held(NamedTuple):
    """A configuration that a response table holds; `score` is larger for better, None where it does
    not count, for a `reason`.
    """

    trial: Trial
    score: float | None
    reason: str


def held(ledger: Ledger, cell: Cell) -> Mapping[str, Held]:
    """What a cell's response table holds, by configuration; nothing where there is none.

    Raises:
        HaqaError: it holds more than MOST.
    """
    table = None if traits.limits(cell) else ledger.table(cell)
    if table and len(table.entries) > MOST:
        what = f"{len(table.entries):,} configurations, and an explanation lists up to {MOST:,}"
        raise HaqaError(table.path, what, "See its best with: haqa-bench table show SUITE")
    if table is None or not tables.fits(table, cell.space):
        return {}
    held = {key_of(c): c for c in tables.configurations(table, cell.space)}
    every = {key: _trial(table.entries[key], c) for key, c in held.items()}
    default = every.get(key_of(cell.space.default))
    return {name: _held(cell, trial, default or trial) for name, trial in every.items()}


def _trial(entry: Entry, configuration: Mapping[str, str | int | float | bool]) -> Trial:
    return Trial(
        number=0,
        configuration=dict(configuration),
        status=entry.status,
        reason=entry.reason,
        measurements=entry.measurements,
    )


def _held(cell: Cell, trial: Trial, default: Trial) -> Held:
    score, broken = cell.objective.score(trial), cell.objective.violations(trial, default)
    if score is None:
        return Held(trial, None, f"{trial.status.value.replace('_', ' ')}: {trial.reason}")
    return Held(trial, None if broken else score, "; ".join(broken))


def optimum(ledger: Ledger, cell: Cell) -> Part | None:
    """The best feasible value that a cell's response table holds, with all others beside it, the
    best first; None where no optimum is known.
    """
    return ledger.once(("optimum", cell.id), lambda: _optimum(ledger, cell))


def _optimum(ledger: Ledger, cell: Cell) -> Part | None:
    found = held(ledger, cell)
    if not found:
        return _journalled(ledger, cell)
    ordered = sorted(found, key=lambda name: -_score(found[name]))
    parts = [
        of_entry(ledger, cell, ordered[0]),
        *(_reading(cell, found[k], k) for k in ordered[1:]),
    ]
    rule = "smallest" if cell.objective.direction == "minimize" else "largest"
    where = ledger.project.said(ledger.project.table(cell))
    about = f"the best of the {len(found)} configurations of the response table"
    return step(rule, about, parts, cell.objective.unit, where)


def _score(found: Held) -> float:
    return -1e300 if found.score is None else found.score


def _journalled(ledger: Ledger, cell: Cell) -> Part | None:
    """The optimum that the studies were told, of cells without a table of their configurations."""
    known = [s for s in ledger.of_cell(cell.id) if s.optimum is not None]
    if not known:
        return None
    where = ledger.run.said(ledger.run.journal(ledger.run.studies[known[0].id]))
    about = "the best that can be"
    return Reading(known[0].optimum, known[0].unit, about, f"{where}:1", source="simulated")


def _reading(cell: Cell, found: Held, name: str) -> Reading:
    return Reading(
        found.trial.value(cell.objective.metric),
        cell.objective.unit,
        name,
        used=found.score is not None,
        reason=found.reason,
    )


def of_entry(ledger: Ledger, cell: Cell, name: str, metric: str = "") -> Part:
    """A configuration of a response table, with the samples of a metric: the objective's, if of
    nothing else.
    """
    table, wanted = ledger.table(cell), metric or cell.objective.metric
    entry = table.entries[name] if table else None
    measured = {m.name: m for m in entry.measurements} if entry else {}
    if wanted not in measured:
        return Reading(None, about=name, used=False, reason="not measured")
    found, others = measured[wanted], measured.get(trials.OTHERS)
    shares = others.samples if others else ()
    parts = trials.samples(found.samples, found.unit, shares, found.source.value)
    where = ledger.project.said(ledger.project.table(cell))
    return step(trials.estimated(found.unit), name, parts, found.unit, where)


def rank(ledger: Ledger, cell: Cell, of: Part, about: str) -> Step | None:
    """The place of a value among all feasible configurations of the response table; None without
    one.
    """
    readings = ledger.once(("ranked", cell.id), lambda: _ranked(ledger, cell))
    if not isinstance(readings, Step):
        return None
    order = "smallest" if cell.objective.direction == "minimize" else "largest"
    return step(f"rank from the {order}", about, [of, *readings.parts])


def _ranked(ledger: Ledger, cell: Cell) -> Step | None:
    found = held(ledger, cell)
    ordered = sorted(found, key=lambda name: -_score(found[name]))
    return step("count", "", [_reading(cell, found[k], k) for k in ordered]) if found else None


def feasible(ledger: Ledger, cell: Cell) -> list[Part]:
    """Every configuration of the response table that counts, in the order of the space, with its
    samples.
    """
    made = ledger.once(("feasible", cell.id), lambda: _feasible(ledger, cell))
    return list(made.parts)


def _feasible(ledger: Ledger, cell: Cell) -> Step:
    kept = [name for name, found in held(ledger, cell).items() if found.score is not None]
    return step("count", "", [of_entry(ledger, cell, name) for name in kept])


def random(ledger: Ledger, cell: Cell, share: str) -> Step:
    """What random search finds: the median, or a percentile, named as the rule is."""
    found = held(ledger, cell)
    default = key_of(cell.space.default)
    draws = min(cell.budget.proposals, cell.budget.evaluations or cell.budget.proposals) - 1
    others = cell.space.size - 1
    kept = [_reading(cell, held_, name) for name, held_ in found.items() if name != default]
    parts: list[Part] = [
        Reading(cell.objective.direction, about="what is better"),
        group(
            "draws",
            [Reading(min(draws, others), "draws"), Reading(others, "configurations to draw from")],
        ),
        group("the default", [_reading(cell, found[default], default)]),
        group("all other configurations", kept),
    ]
    return step(f"{share} of random search", "random search", parts, cell.objective.unit)
