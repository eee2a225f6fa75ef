"""The studies of a cell, as what stands behind its numbers."""

from typing import NamedTuple

from haqa_bench.project import Run


class Evidence(NamedTuple):
    """A study behind a number: its best trial, that trial's value and samples, and who answered and
    measured.
    """

    study: str
    suite: str
    method: str
    seed: int
    answered_by: str
    machine: str
    optimum: float | None
    metric: str
    unit: str
    trial: int | None
    configuration: str | None
    thought: str | None
    facts: str | None
    rank: int | None
    value: float | None
    source: str | None
    samples: list[float] | None
    estimated_from: int | None
    trials: int


def evidence(run: Run, cell: str) -> list[Evidence]:
    """Every study of a cell."""
    return run.rows("evidence", Evidence, cell)
