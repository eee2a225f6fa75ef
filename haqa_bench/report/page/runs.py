"""Runs as the page shows them, from their databases and the recordings of their studies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from haqa_bench import curves, tracks
from haqa_bench.cell import Cell
from haqa_bench.parameters import code
from haqa_bench.project import Run
from haqa_bench.report import traits
from haqa_bench.report.found import weights
from haqa_bench.report.page import versions
from haqa_bench.report.page.data import (
    CellShown,
    Exchange,
    Metric,
    Outcome,
    Round,
    RunShown,
    StudyShown,
)
from haqa_bench.report.page.recordings import Recording
from haqa_bench.report.tables.table import digits_of
from haqa_bench.space import Scalar
from haqa_bench.study import Study


def run_shown(run: Run, recordings: Mapping[str, Recording], texts: dict[str, int]) -> RunShown:
    """A run, with the recordings of its studies by id. Adds to `texts`, which gives each text its
    index.

    Raises:
        HaqaError: the database cannot be read.
    """
    rows, spelled = _rows(run), weights.spelled(run.cells, weights.weights(run))
    studies = [study for name, study in run.studies.items() if name in rows]
    cells = [
        _cell(
            cell, [study for study in studies if study.cell.id == cell.id], rows, recordings, texts
        ).model_copy(
            update={
                "spelled": spelled.get(cell.id, ""),
                "weights": traits.RANDOM if traits.has_random_weights(cell) else "",
            }
        )
        for cell in run.suite.cells
        if any(study.cell.id == cell.id for study in studies)
    ]
    return RunShown(
        suite=run.suite.name,
        folder=run.folder.resolve().name,
        labels=run.suite.labels,
        cells=tuple(cells),
    )


class _Row(NamedTuple):
    study: str
    number: int
    answered_by: str
    optimum: float | None
    status: str
    reason: str
    repeat_of: int | None
    attempts: int
    configuration: str
    thought: str
    facts: str
    value: float | None
    feasible: bool
    rank: int | None
    seconds: float | None
    llm_seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    dollars: float | None
    evaluations: int
    spent_seconds: float
    best: float | None
    regret: float | None
    metrics: Sequence[Mapping[str, Any]] | None


def _rows(run: Run) -> dict[str, list[_Row]]:
    """The trials of each study."""
    found: dict[str, list[_Row]] = {}
    for row in run.rows("rounds", _Row):
        found.setdefault(row.study, []).append(row)
    return found


def _cell(
    cell: Cell,
    studies: Sequence[Study],
    rows: Mapping[str, list[_Row]],
    recordings: Mapping[str, Recording],
    texts: dict[str, int],
) -> CellShown:
    known: dict[str, int] = {}
    shown = [
        _study(study, rows[study.id], recordings.get(study.id, Recording("", [])), known, texts)
        for study in studies
    ]
    outcomes = tuple(Outcome.model_validate_json(text) for text in known)
    objective = cell.objective
    return CellShown(
        id=cell.id,
        track=cell.track,
        model=cell.model_name,
        bit_width=cell.bit_width,
        hardware=cell.hardware.name,
        metric=objective.metric,
        unit=objective.unit,
        direction=objective.direction or "maximize",
        digits=_digits(cell, outcomes),
        also=tuple(f"{goal.metric}, {goal.unit}, {goal.direction}" for goal in objective.also),
        constraints=tuple(limit.words for limit in objective.constraints),
        default=dict(cell.space.default),
        outcomes=outcomes,
        studies=tuple(shown),
        ranged=not cell.space.finite,
    )


def _study(
    study: Study,
    rows: Sequence[_Row],
    recording: Recording,
    outcomes: dict[str, int],
    texts: dict[str, int],
) -> StudyShown:
    exchanges = [
        Exchange(
            round=said.round,
            attempt=said.attempt,
            messages=tuple((role, _index(texts, content)) for role, content in said.messages),
            reply=_index(texts, said.reply),
        )
        for said in recording.exchanges
    ]
    tried = [versions.Version(row.configuration, row.value, row.feasible) for row in rows]
    return StudyShown(
        id=study.id,
        method=study.method.name,
        seed=study.seed,
        answered_by=rows[0].answered_by,
        relayed=study.method.relayed,
        optimum=rows[0].optimum,
        trials=tuple(
            _round(row, _index(outcomes, _outcome(row, list(study.cell.space.root))), diff)
            for row, diff in zip(rows, versions.diffs(study, tried), strict=True)
        ),
        cassette=recording.path,
        exchanges=tuple(exchanges),
    )


def _index(known: dict[str, int], text: str) -> int:
    return known.setdefault(text, len(known))


def _outcome(row: _Row, order: Sequence[str]) -> str:
    """A trial's outcome in JSON; its configuration in the order of the run's lock."""
    read: dict[str, Scalar] | None = json.loads(row.configuration)
    configuration = (
        None
        if read is None
        else code.named({name: read[name] for name in sorted(read, key=order.index)})
    )
    metrics, facts = [Metric(**m) for m in row.metrics or []], json.loads(row.facts)
    outcome = Outcome(
        configuration=configuration,
        status=row.status,
        reason=row.reason,
        value=row.value,
        feasible=row.feasible,
        rank=row.rank,
        metrics=tuple(metrics),
        facts=facts,
        curve=curves.points(facts),
    )
    return outcome.model_dump_json()


def _round(row: _Row, outcome: int, diff: str) -> Round:
    tokens = [count for count in (row.prompt_tokens, row.completion_tokens) if count is not None]
    return Round(
        outcome=outcome,
        repeat_of=row.repeat_of,
        thought=row.thought,
        seconds=row.seconds,
        llm_seconds=row.llm_seconds,
        tokens=sum(tokens) if tokens else None,
        dollars=row.dollars,
        evaluations=row.evaluations,
        spent_seconds=row.spent_seconds,
        best=row.best,
        regret=row.regret,
        diff=diff,
    )


def _digits(cell: Cell, outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The goal has as many as its unit deserves, as in the tables; others what their track says."""
    names = dict.fromkeys(metric.name for outcome in outcomes for metric in outcome.metrics)
    digits = {name: tracks.metric(cell, name).digits for name in names}
    return digits | {cell.objective.metric: digits_of(cell.objective.unit)}
