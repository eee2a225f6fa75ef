"""Cells with several goals: what every feasible trial scored, and the front.

Where a response table holds the whole space, the front is that of the table, and the reference
point is the worst that it holds of each goal. Where none was replayed, the front is what all
studies together found, and the reference the worst that any of them found.

A front of single readings is longer than the truth: what differs by noise alone looks like a trade.
So where a track says that some settings alone decide a goal, all configurations that share them
count as one measurement of it, their median.
"""

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.project import Project, Run
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.tracks.replayed import Counted, counted, scores_of
from haqa_bench.trial import Goal

Floats = NDArray[np.float64]


class _Row(NamedTuple):
    cell: str
    method: str
    study: str
    front: str | None
    configuration: str
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


class Pooled(NamedTuple):
    """The scores of everything feasible in a table, a row each, by the places of their entries."""

    table: tables.ResponseTable
    rows: Mapping[int, int]
    scores: Floats

    def of(self, key: str) -> Sequence[float] | None:
        """Those of a configuration; None for one that is not feasible."""
        place = self.table.entries.place(key)
        row = None if place is None else self.rows.get(place)
        return None if row is None else list(map(float, self.scores[row]))


class Scored(NamedTuple):
    """A cell: its front, and the scores of every feasible trial, by method and study."""

    cell: str
    front: Front
    methods: Mapping[str, Mapping[str, Floats]]


def fronts(run: Run, project: Project) -> list[Scored]:
    """The cells of a run that have several goals, and anything feasible.

    Raises:
        HaqaError: the database, or a response table, cannot be read.
    """
    rows = run.rows("scores", _Row)
    names = dict.fromkeys(row.cell for row in rows)
    return [
        _scored(run.cells[name], [row for row in rows if row.cell == name], project)
        for name in names
    ]


def with_several_goals(run: Run) -> set[str]:
    """The cells of which `fronts` tells."""
    return {row.cell for row in run.rows("scores", _Row)}


def _scored(cell: Cell, rows: Sequence[_Row], project: Project) -> Scored:
    pooled = _pooled(cell, project) if rows[0].front else None
    found: dict[str, dict[str, list[Sequence[float]]]] = {}
    for row in rows:
        known = pooled.of(key_of(json.loads(row.configuration))) if pooled else None
        scores = row.scores if known is None else known
        found.setdefault(row.method, {}).setdefault(row.study, []).append(scores)
    methods = {
        method: {study: np.array(scores) for study, scores in studies.items()}
        for method, studies in found.items()
    }
    return Scored(cell.id, _front_of(rows, pooled), methods)


def _front_of(rows: Sequence[_Row], pooled: Pooled | None) -> Front:
    """That of the table; or as the study was told it, where the table is no file of ours; or of all
    that was found.
    """
    if pooled:
        return _front(pooled.scores, exact=True)
    if rows[0].front:
        told = json.loads(rows[0].front)
        return Front(np.array(told["points"]), np.array(told["worst"]), True)
    return _front([row.scores for row in rows], exact=False)


def _front(scores: Floats | Sequence[Sequence[float]], exact: bool) -> Front:
    import moocore

    every = np.array(scores)
    points = np.unique(moocore.filter_dominated(every, maximise=True), axis=0)
    return Front(points, every.min(axis=0), exact)


def _pooled(cell: Cell, project: Project) -> Pooled | None:
    """The scores of everything feasible in a cell's response table; None where there is none."""
    path = project.table(cell)
    if not path.is_file():
        return None
    table = tables.read(path)
    if cell.space.recorded and not tables.fits(table, cell.space):
        return None
    kept = counted(table, cell)
    columns = [_goal(cell, goal, table, kept) for goal in cell.objective.goals]
    places = {place: number for number, place in enumerate(kept.places.tolist())}
    return Pooled(table, places, np.stack(columns, axis=1)) if places else None


def _goal(cell: Cell, goal: Goal, table: tables.ResponseTable, kept: Counted) -> Floats:
    """The score of each in one goal, the median over those that measure the same."""
    scores = np.nan_to_num(scores_of(table.entries, goal, kept.places)) + 0.0  # no -0.0
    deciding = tracks.of(cell).decides(goal.metric)
    if deciding is None:
        return scores
    settings = [json.loads(table.entries.key(place)) for place in kept.places.tolist()]
    alike = [key_of({n: v for n, v in one.items() if n in deciding}) for one in settings]
    groups: dict[str, list[float]] = {}
    for same, score in zip(alike, scores.tolist(), strict=True):
        groups.setdefault(same, []).append(score)
    middle = {same: median(group) for same, group in groups.items()}
    return np.array([middle[same] for same in alike])
