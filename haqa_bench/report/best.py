"""The best of each cell and method, from a run's database."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from haqa_bench.store.database import query


class Row(NamedTuple):
    """A cell and method. Values in the objective's unit; speed_up is the median over studies of
    best over the same study's default.
    """

    track: str
    cell: str
    model: str
    bit_width: str
    hardware: str
    method: str
    optimizer: str
    metric: str
    unit: str
    direction: str
    studies: int
    default_value: float | None
    default_samples: int | None
    best: float | None
    worst_study: float | None
    best_study: float | None
    speed_up: float | None
    of_optimum: float | None
    source: str | None
    answered_by: str
    proposed: int
    invalid: int
    failed: int
    repeated: int
    machine: str
    winners: Sequence[str]
    """The best configuration of each study that found a feasible one, in JSON."""
    default: str


def rows(folder: Path) -> list[Row]:
    """The rows of the run in `folder`, from its database.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    return [
        Row(*row)
        for row in query(folder, files("haqa_bench.report").joinpath("best.sql").read_text())
    ]
