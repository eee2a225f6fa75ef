"""Cells with several goals: how much of the front each study found, as hypervolume (Zitzler and
Thiele, 1998), by moocore.

Where a response table holds the whole space, its front is known exactly, and the reference point is
the worst that the table holds of each goal. Where none was replayed, the front is what all studies
together found, and the reference the worst that any of them found.
"""

import json
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.report import statistics
from haqa_bench.report.columns import exact
from haqa_bench.report.table import Table
from haqa_bench.store.database import query, suite_of
from haqa_bench.trial import Objective

Floats = NDArray[np.float64]
Methods = dict[str, dict[str, list[list[float]]]]
"""The scores of every feasible trial, by method and study."""
NOTE = (
    "Hypervolume: what a study's feasible trials dominate, as a share of what the front does, from the worst of each goal. "
    "Front: exact, of the whole response table; found, of all studies together, where no table was replayed. n: studies."
)
ABOUT = {
    "n": "studies of the method on the cell",
    "Median hypervolume": "the median over studies of what a study's feasible trials dominate, as a share of what the front does",
    "95 % interval": "the percentile bootstrap interval of that median (10,000 resamples); none below three studies",
    "Points of the front found": "the median over studies of how many points of the exact front a study measured",
}
HEADINGS = [
    "Cell",
    "Method",
    "n",
    "Median hypervolume",
    "95 % interval",
    "Points of the front found",
    "Front",
]


class Front(NamedTuple):
    """Scores of every goal, larger is better: the front's points, the reference, and whether the
    front is the whole space's.
    """

    points: Floats
    worst: Floats
    exact: bool


def tables(folder: Path) -> dict[str, Table]:
    """How much of its front each method found, of all cells with several goals; and the points of
    each front that is known exactly.

    By name; none where no cell has several goals.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    found = query(folder, files("haqa_bench.report").joinpath("fronts.sql").read_text())
    cells: dict[str, Methods] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for cell, method, study, _, scores in found:
        cells[cell][method][study].append(scores)
    fronts = {
        cell: _front(
            known, [s for m in cells[cell].values() for scores in m.values() for s in scores]
        )
        for cell, _, _, known, _ in found
    }
    if not cells:
        return {}
    rows = [
        _row(cell, method, [np.array(scores) for scores in studies.values()], fronts[cell])
        for cell, methods in cells.items()
        for method, studies in methods.items()
    ]
    objectives = {cell.id: cell.objective for cell in suite_of(folder).cells}
    known = [
        _points(cell, methods, fronts[cell], objectives[cell])
        for cell, methods in cells.items()
        if fronts[cell].exact
    ]
    keys = [f"{cell}/{method}" for cell, methods in cells.items() for method in methods]
    shares = Table("Fronts of several goals", HEADINGS, rows, [NOTE], keys, about=ABOUT)
    return {
        "fronts": shares,
        **{f"front{number}": points for number, points in enumerate(known, 1)},
    }


def _points(cell: str, methods: Methods, front: Front, objective: Objective) -> Table:
    """The points of a front, in the units of the goals, and how many studies of each method found
    each.
    """
    signs = [1 if goal.direction == "maximize" else -1 for goal in objective.goals]
    rows = []
    for point in sorted(front.points.tolist(), reverse=True):
        values = [
            exact(sign * score, goal.unit)
            for sign, score, goal in zip(signs, point, objective.goals, strict=True)
        ]
        hits = [sum(point in scores for scores in studies.values()) for studies in methods.values()]
        rows.append(
            values
            + [
                f"{hit} of {len(studies)}"
                for hit, studies in zip(hits, methods.values(), strict=True)
            ]
        )
    goals = [f"{goal.metric}, {goal.unit}" for goal in objective.goals]
    note = "What no other configuration of the response table beats in every goal; how many studies of each method measured it."
    about = dict.fromkeys(goals, "a point of the front") | dict.fromkeys(
        methods, "studies that measured a configuration of these values"
    )
    return Table(
        f"The front of {cell}",
        [*goals, *methods],
        rows,
        [note],
        [f"{cell}/{n}" for n in range(1, len(rows) + 1)],
        about=about,
    )


def _front(known: str | None, found: list[list[float]]) -> Front:
    if known is None:
        every = np.array(found)
        return Front(every, every.min(axis=0), False)
    whole = json.loads(known)
    return Front(np.array(whole["points"]), np.array(whole["worst"]), True)


def _share(scores: Floats, front: Front) -> float:
    import moocore

    whole = moocore.hypervolume(front.points, ref=front.worst, maximise=True)
    return (
        float(moocore.hypervolume(scores, ref=front.worst, maximise=True) / whole) if whole else 1.0
    )


def _row(cell: str, method: str, studies: list[Floats], front: Front) -> list[str]:
    shares = [_share(scores, front) for scores in studies]
    interval = statistics.median_interval(shares)
    between = f"{100 * interval.low:.1f} % to {100 * interval.high:.1f} %" if interval else ""
    hits = [
        sum(any((point == row).all() for row in scores) for point in front.points)
        for scores in studies
    ]
    points = f"{np.median(hits):g} of {len(front.points)}" if front.exact else ""
    return [
        cell,
        method,
        str(len(shares)),
        f"{100 * np.median(shares):.1f} %",
        between,
        points,
        "exact" if front.exact else "found",
    ]
