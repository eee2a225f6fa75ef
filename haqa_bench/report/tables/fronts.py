"""Cells with several goals: how much of the front each study found, and the front itself."""

from collections.abc import Sequence

import numpy as np

from haqa_bench.project import Project, Run
from haqa_bench.report import statistics
from haqa_bench.report.found.fronts import Floats, Front, Scored, fronts
from haqa_bench.report.found.studies import results
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Key,
    Table,
    Value,
    exact,
    share,
    value,
    whole,
    words,
)
from haqa_bench.trial import Objective

NOTE = (
    "Hypervolume: what a study's feasible trials dominate, as a share of what the "
    "front does, from the worst of each goal. "
    "Front: table, of the whole response table; found, of all studies together, where "
    "no table was replayed. Configurations that must measure the same, such as one file and "
    "setting over trainings, count as one, by their median. n: studies."
)
POINTS_NOTE = (
    "What no other configuration of the response table beats in every goal, after pooling what "
    "must measure the same; how many studies of each method measured it. The table is one noisy "
    "measurement: so is its front."
)
COLUMNS = (
    Column("Cell", role="key", place="heading"),
    Column("Method", role="key"),
    Column("n", about="studies of the method on the cell", role="n"),
    Column(
        "Median hypervolume",
        "%",
        1,
        "the median over studies of what a study's feasible trials dominate, as a "
        "share of what the front does",
    ),
    Column(
        "95 % interval",
        "%",
        1,
        "the percentile bootstrap interval of that median (10,000 resamples); none "
        "below six studies",
    ),
    Column(
        "Points of the front found",
        about="the median over studies of how many points of the table's front a study measured",
    ),
    Column("Front", role="words"),
)


def tables(run: Run, project: Project) -> dict[str, Table]:
    """How much of its front each method found, of all cells with several goals; and the points of
    each front of a whole response table.

    By name; none where no cell has several goals.

    Raises:
        HaqaError: the database, or a response table, cannot be read.
    """
    found = fronts(run, project)
    if not found:
        return {}
    exact = [s for s in found if s.front.exact]
    points = [_points(s, run.cells[s.cell].objective, _source(run, [s])) for s in exact]
    numbered = {f"front{number}": made for number, made in enumerate(points, 1)}
    return {"fronts": _shares(found, _source(run, found)), **numbered}


def _source(run: Run, found: Sequence[Scored]) -> str:
    """Where the numbers of some cells came from, as a sentence."""
    cells = {scored.cell for scored in found}
    sources = {r.source for r in results(run) if r.cell in cells and r.source}
    return f"Source: {', '.join(sorted(sources)) or 'unknown'}."


def _shares(found: Sequence[Scored], source: str) -> Table:
    rows = [(s, method) for s in found for method in s.methods]
    return Table(
        "Fronts of several goals",
        COLUMNS,
        [_share_row(scored, method) for scored, method in rows],
        [f"{NOTE} {source}"],
        [Key(scored.cell, method) for scored, method in rows],
    )


def _share_row(scored: Scored, method: str) -> list[Value]:
    front, studies = scored.front, list(scored.methods[method].values())
    shares = [front.share(scores) for scores in studies]
    return [
        words(scored.cell),
        words(method),
        whole(len(shares)),
        share(float(np.median(shares))),
        _interval(shares),
        _hits(front, studies),
        words("table" if front.exact else "found"),
    ]


def _interval(shares: Sequence[float]) -> Value:
    found = statistics.median_interval(shares)
    if found is None:
        return words("")
    form = Form("{low} % to {high} %", 1)
    return value(None, form, unit="%", low=100 * found.low, high=100 * found.high)


def _hits(front: Front, studies: Sequence[Floats]) -> Value:
    if not front.exact:
        return words("")
    hits = [
        sum(any((point == row).all() for row in scores) for point in front.points)
        for scores in studies
    ]
    number = float(np.median(hits))
    return Value(number, n=len(front.points), text=f"{number:g} of {len(front.points)}")


def _points(scored: Scored, objective: Objective, source: str) -> Table:
    """The points of a front, in the units of the goals, and how many studies of each method found
    each.
    """
    units = [goal.unit for goal in objective.goals]
    goals = [
        Column(
            goal.unit if units.count(goal.unit) == 1 else f"{goal.metric}, {goal.unit}",
            goal.unit,
            about=f"{goal.metric} at a point of the front",
        )
        for goal in objective.goals
    ]
    measured = "studies that measured a configuration of these values"
    methods = [Column(name, about=measured, method=name) for name in scored.methods]
    points = sorted(scored.front.points.tolist(), reverse=True)
    return Table(
        f"The front of {scored.cell}",
        [*goals, *methods],
        [_point_row(scored, objective, point) for point in points],
        [f"{POINTS_NOTE} {source}"],
        [Key(scored.cell, part=str(number)) for number in range(1, len(points) + 1)],
    )


def _point_row(scored: Scored, objective: Objective, point: Sequence[float]) -> list[Value]:
    values = [
        exact(score if goal.direction == "maximize" else -score, goal.unit)
        for score, goal in zip(point, objective.goals, strict=True)
    ]
    return values + [_studies(point, list(studies.values())) for studies in scored.methods.values()]


def _studies(point: Sequence[float], studies: Sequence[Floats]) -> Value:
    hit = sum(list(point) in scores.tolist() for scores in studies)
    return Value(hit, n=len(studies), text=f"{hit} of {len(studies)}")
