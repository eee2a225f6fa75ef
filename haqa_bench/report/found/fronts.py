"""Cells with several goals: what every feasible trial scored, and the front.

Where a response table holds the whole space, its front is known exactly, and the reference point is
the worst that the table holds of each goal. Where none was replayed, the front is what all studies
together found, and the reference the worst that any of them found.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.project import Run

Floats = NDArray[np.float64]


class _Row(NamedTuple):
    cell: str
    method: str
    study: str
    front: str | None
    scores: Sequence[float]


class Front(NamedTuple):
    """Scores of every goal, larger is better: the front's points, the reference, and whether the
    front is the whole space's.
    """

    points: Floats
    worst: Floats
    exact: bool

    def share(self, scores: Floats) -> float:
        """The hypervolume that `scores` dominate (Zitzler and Thiele, 1998), by moocore, as a share
        of what the front does.
        """
        import moocore

        whole = moocore.hypervolume(self.points, ref=self.worst, maximise=True)
        if not whole:
            return 1.0
        return float(moocore.hypervolume(scores, ref=self.worst, maximise=True) / whole)


class Scored(NamedTuple):
    """A cell: its front, and the scores of every feasible trial, by method and study."""

    cell: str
    front: Front
    methods: Mapping[str, Mapping[str, Floats]]


def fronts(run: Run) -> list[Scored]:
    """The cells of a run that have several goals, and anything feasible.

    Raises:
        HaqaError: the database cannot be read.
    """
    rows = run.rows("scores", _Row)
    names = dict.fromkeys(row.cell for row in rows)
    return [_scored(name, [row for row in rows if row.cell == name]) for name in names]


def _scored(cell: str, rows: Sequence[_Row]) -> Scored:
    found: dict[str, dict[str, list[Sequence[float]]]] = {}
    for row in rows:
        found.setdefault(row.method, {}).setdefault(row.study, []).append(row.scores)
    methods = {
        method: {study: np.array(scores) for study, scores in studies.items()}
        for method, studies in found.items()
    }
    return Scored(cell, front_of(rows[0].front, [row.scores for row in rows]), methods)


def front_of(known: str | None, found: Sequence[Sequence[float]]) -> Front:
    """The front that a table knows, in JSON, or else that of all that was found."""
    if known is None:
        every = np.array(found)
        return Front(every, every.min(axis=0), False)
    whole = json.loads(known)
    return Front(np.array(whole["points"]), np.array(whole["worst"]), True)
