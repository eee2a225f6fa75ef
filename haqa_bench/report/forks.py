"""A fork of a recorded study beside the study that it begins as: round by round, and at the end.

Both have the same rounds before, the same budget and the same measurements. One study each says
nothing of the LLMs: it takes several, and haqa_bench.report.verdict, to say that one is better.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.documents import JsonObject
from haqa_bench.parameters import code
from haqa_bench.project import Run
from haqa_bench.report import verdict
from haqa_bench.report.found.pairs import pairs
from haqa_bench.report.tables.table import Column, Table, Value, exact, words
from haqa_bench.space import Configuration
from haqa_bench.store import database
from haqa_bench.store.journal import Journal
from haqa_bench.study import Study
from haqa_bench.trial import Objective, Trial

ONE = "one study each: values, and no verdict"


class Proposed(NamedTuple):
    """A trial, and the best so far. `value` is None where it was not measured; `source` says where
    the value is from.
    """

    configuration: Configuration | None
    status: str
    value: float | None
    source: str
    thought: str
    best: float | None


class Step(NamedTuple):
    """A round of both; None of the one that had ended."""

    round: int
    original: Proposed | None
    fork: Proposed | None


class Forked(NamedTuple):
    """A fork, the rounds in which it may differ from its original, and what both end with."""

    study: Study
    original: Study
    steps: Sequence[Step]

    @property
    def objective(self) -> Objective:
        """What both seek."""
        return self.study.cell.objective

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The best of the original, and of the fork."""
        halves = [[getattr(step, name) for step in self.steps] for name in ("original", "fork")]
        best = [next((p.best for p in reversed(half) if p), None) for half in halves]
        return best[0], best[1]


def compared(run: Run, forks: Sequence[Study]) -> list[Forked]:
    """Some forks of a run beside their originals, which the run has too.

    Raises:
        HaqaError: a journal cannot be read.
    """
    found = []
    for study in forks:
        if study.origin is not None:
            halves = [_proposed(run, one) for one in (study.origin, study)]
            numbers = range(study.begins, max(map(len, halves)))
            steps = [
                Step(n, *(half[n] if n < len(half) else None for half in halves)) for n in numbers
            ]
            found.append(Forked(study, study.origin, steps))
    return found


def _proposed(run: Run, study: Study) -> list[Proposed]:
    path = run.journal(study)
    trials = database.trials(path, Journal(path).entries)
    return [_told(study.cell.objective, trials[: n + 1]) for n in range(len(trials))]


def _told(objective: Objective, trials: Sequence[Trial]) -> Proposed:
    trial, best = trials[-1], objective.best(trials)
    measured = next((m for m in trial.measurements if m.name == objective.metric), None)
    return Proposed(
        trial.configuration,
        trial.status.value,
        measured.value if measured else None,
        measured.source.value if measured else "",
        trial.thought,
        best.value(objective.metric) if best else None,
    )


def verdicts(run: Run, found: Sequence[Forked]) -> dict[str, verdict.Verdict]:
    """What can be said of each cell's forks, over all seeds."""
    scores: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        sign = -1.0 if one.objective.direction == "minimize" else 1.0
        original, fork = one.ends
        if original is not None and fork is not None:
            scores.setdefault(one.study.cell.id, []).append((sign * fork, sign * original))
    floors = pairs(run).floors
    return verdict.judged(
        {
            cell: verdict.Pairing([a for a, _ in both], [b for _, b in both], floors.get(cell, 0.0))
            for cell, both in scores.items()
        }
    )


def table(one: Forked) -> Table:
    """A fork and its original, a row a round."""
    names = [one.original.method.name, one.study.method.name]
    shown = _varying(one)
    unit = one.objective.unit
    columns = [Column("Round", role="key")]
    for name in names:
        columns += [
            Column(f"{name}", role="words", method=name),
            Column(f"{name}: {one.objective.metric}", unit, method=name),
            Column(f"{name}: best so far", unit, method=name),
        ]
    rows = [
        [words(str(s.round)), *_cells(s.original, unit, shown), *_cells(s.fork, unit, shown)]
        for s in one.steps
    ]
    cell, seed = one.study.cell.id, one.study.seed
    title = f"{names[1]} from round {one.study.begins} on, beside {names[0]}: {cell}, seed {seed}"
    return Table(title=title, columns=columns, rows=rows, notes=[_end(one)])


def _cells(found: Proposed | None, unit: str, shown: Sequence[str]) -> list[Value]:
    if found is None:
        return [words("ended"), words(""), words("")]
    set_to = (
        ", ".join(f"{n}={code.shown(found.configuration[n])}" for n in shown)
        if found.configuration
        else ""
    )
    said = set_to if found.status == "ok" else f"{set_to} ({found.status})".strip()
    value = exact(found.value, unit, source=found.source) if found.value is not None else words("")
    return [words(said), value, exact(found.best, unit, source=found.source)]


def _varying(one: Forked) -> list[str]:
    """The parameters in which any of the proposals differ; all where none does."""
    halves = [half for step in one.steps for half in (step.original, step.fork) if half]
    known = [half.configuration for half in halves if half.configuration]
    names = list(one.study.cell.space.root)
    found = [n for n in names if len({json.dumps(c.get(n)) for c in known}) > 1]
    return found or names


def _end(one: Forked) -> str:
    """What both end with, in words."""
    unit = f" {one.objective.unit}" if one.objective.unit not in ("", "1") else ""
    told = ["nothing feasible" if end is None else f"{end:.4g}{unit}" for end in one.ends]
    original, fork = one.ends
    if original is None or fork is None:
        differ = ""
    elif original == fork:
        differ = ", the same"
    else:
        share = f", {100 * (fork - original) / abs(original):+.1f} %" if original else ""
        differ = f": {fork - original:+.4g}{unit}{share}"
    names = one.original.method.name, one.study.method.name
    return f"At the end: {names[0]} {told[0]}, {names[1]} {told[1]}{differ} ({ONE})."


def to_json(found: Sequence[Forked], said: Mapping[str, verdict.Verdict]) -> JsonObject:
    """All of it, for scripts."""
    return {
        "studies": [
            {
                "cell": one.study.cell.id,
                "seed": one.study.seed,
                "original": one.original.id,
                "fork": one.study.id,
                "round": one.study.begins,
                "metric": one.objective.metric,
                "unit": one.objective.unit,
                "direction": one.objective.direction,
                "steps": [_step(step) for step in one.steps],
                "best_of_original": one.ends[0],
                "best_of_fork": one.ends[1],
            }
            for one in found
        ],
        "verdicts": {cell: {**one._asdict(), "words": str(one)} for cell, one in said.items()},
        "rule": verdict.RULE,
    }


def _step(step: Step) -> JsonObject:
    return {
        "round": step.round,
        "original": step.original and _as_json(step.original),
        "fork": step.fork and _as_json(step.fork),
    }


def _as_json(found: Proposed) -> JsonObject:
    """A source stands in it by its short name."""
    chosen = None if found.configuration is None else code.named(found.configuration)
    return found._replace(configuration=chosen)._asdict()
