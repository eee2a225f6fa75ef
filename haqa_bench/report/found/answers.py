"""What each study answered, of cells that decide which bit-width fits under memory limits."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report import traits
from haqa_bench.store import facts
from haqa_bench.store.facts import PeakFact


class _Row(NamedTuple):
    cell: str
    method: str
    answered_by: str
    facts: str
    choices: str | None
    status: str


class Answer(NamedTuple):
    """What one study chose in a cell, by decision; None where its answer was invalid or cut off, as
    `status` says. `right` is what is right, by decision too, `safe_mb` what each bit-width takes
    with its margin, and `at` other lengths of the context, in tokens; `peaks` those of processes
    that were measured, by format.
    """

    cell: str
    method: str
    answered_by: str
    right: Mapping[str, str]
    safe_mb: Mapping[str, float]
    at: Mapping[int, Mapping[str, float]]
    peaks: Mapping[str, PeakFact]
    planned_by: str
    """Whose plan of a device's memory it is; empty of a process'."""
    peaks_of: str
    """On what machine, when and with what peaks were measured; empty where none were."""
    choices: Mapping[str, str] | None
    status: str


def limiting(run: Run) -> list[str]:
    """The cells of a run that decide under limits."""
    return [name for name, cell in run.cells.items() if traits.limits(cell)]


def answers(run: Run) -> list[Answer]:
    """The answer of each study."""
    return [_answer(run, row) for row in run.rows("answers", _Row, limiting(run))]


def _answer(run: Run, row: _Row) -> Answer:
    work, told = traits.limits(run.cells[row.cell]), json.loads(row.facts)
    assert work is not None
    known = facts.parse(told)
    decisions = [work.within(limit) for limit in work.limits_gb]
    return Answer(
        row.cell,
        row.method,
        row.answered_by,
        {decision: told[decision] for decision in decisions},
        {bits: known.safe_mb[bits] for bits in work.bit_widths},
        known.safe_mb_at,
        known.peaks,
        told.get(facts.PLANNED_BY, ""),
        told.get(facts.PEAKS_OF, ""),
        json.loads(row.choices) if row.choices else None,
        row.status.replace("_", " "),
    )
