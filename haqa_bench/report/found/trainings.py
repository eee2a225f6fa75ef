"""How the trainings of a run went: the learning curves of its trials."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench import curves
from haqa_bench.curves import Point
from haqa_bench.project import Run


class Tried(NamedTuple):
    """A trial that is no repeat; `facts` in JSON."""

    cell: str
    method: str
    seed: int
    number: int
    status: str
    score: float | None
    facts: str
    best: bool


class Training(NamedTuple):
    """A trial that tells a learning curve."""

    trial: Tried
    curve: tuple[Point, ...]

    @property
    def diverged(self) -> bool:
        """Whether it did not come to its end."""
        return self.trial.status != "ok"


def trainings(run: Run) -> Mapping[str, Sequence[Training]]:
    """Those of each cell that has any.

    Raises:
        HaqaError: the database cannot be read.
    """
    found: dict[str, list[Training]] = {}
    for trial in run.rows("trainings", Tried):
        if curve := curves.points(json.loads(trial.facts)):
            found.setdefault(trial.cell, []).append(Training(trial, curve))
    return found
