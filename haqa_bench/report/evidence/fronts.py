"""What stands behind the columns of the tables of fronts."""

from collections.abc import Mapping, Sequence

from haqa_bench.report.evidence import whole
from haqa_bench.report.evidence.ledger import Study
from haqa_bench.report.evidence.place import CELL, Declared, Place, method, studies
from haqa_bench.report.evidence.rules import group, step
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step
from haqa_bench.trial import Goal

Point = Sequence[float]


def _point(place: Place, scores: Point, about: str, where: str = "") -> Step:
    """A point by the scores of all goals, larger is better."""
    parts = [
        Reading(score, goal.unit, _goal(goal))
        for score, goal in zip(scores, place.cell.objective.goals, strict=True)
    ]
    return group(about, parts, where)


def _goal(goal: Goal) -> str:
    smaller = ", as its negative, since smaller is better"
    return goal.metric + (smaller if goal.direction == "minimize" else "")


def _points(place: Place) -> list[list[float]]:
    """The points of the front, as they stand in its table."""
    return sorted(place.ledger.fronts[place.key.cell].points.tolist(), reverse=True)


def _scores(place: Place, study: Study) -> list[tuple[int, Point]]:
    """What each feasible trial of a study scored, with its number."""
    tried = place.ledger.trials[study.id]
    return [(t.number, t.scores) for t in tried if t.feasible and t.scores is not None]


def _volume(place: Place, about: str, points: Sequence[Step]) -> Step:
    worst = place.ledger.fronts[place.key.cell].worst.tolist()
    reference = _point(place, worst, "the reference, the worst of each goal")
    return step("hypervolume", about, [reference, *points])


def _whole(place: Place) -> Step:
    points = enumerate(_points(place), 1)
    groups = [_point(place, point, f"point {number} of the front") for number, point in points]
    return _volume(place, "what the front dominates", groups)


def _shares(place: Place) -> list[Step]:
    """What each study's trials dominate, as a share of what the front does."""
    front = place.ledger.once(("front", place.key.cell), lambda: _whole(place))
    found = [(study, _volume_of(place, study)) for study in place.studies]
    return [
        step("quotient in percent", f"{study.method} seed {study.seed}", [volume, front], "%")
        for study, volume in found
        if volume is not None and front is not None
    ]


def _volume_of(place: Place, study: Study) -> Step | None:
    points = [
        _point(place, scores, f"trial {number}", place.ledger.where(study.id, number))
        for number, scores in _scores(place, study)
    ]
    return _volume(place, "what its feasible trials dominate", points) if points else None


def hypervolume(place: Place) -> Evidence:
    """The median over studies."""
    return Evidence(step("median", "over studies", _shares(place), "%"), studies=place.ids)


def interval(place: Place) -> Evidence:
    """Both ends of the interval of that median."""
    found = _shares(place)
    low, high = (
        step(f"{end} end of the interval", "over studies", found, "%") for end in ("low", "high")
    )
    return Evidence(None, low, high, studies=place.ids)


def points_found(place: Place) -> Evidence:
    """How many points of the front each study measured."""
    found = [
        step("count", f"{study.method} seed {study.seed}", _measured(place, study))
        for study in place.studies
        if _scores(place, study)
    ]
    return Evidence(step("median", "over studies", found), studies=place.ids)


def _measured(place: Place, study: Study) -> list[Part]:
    """The points of the front, and in which trial a study measured each."""
    numbers = {tuple(scores): number for number, scores in reversed(_scores(place, study))}
    return [
        Reading(
            numbers.get(tuple(point), 0),
            about=f"point {place_of} of the front"
            + (f", trial {numbers[tuple(point)]}" if tuple(point) in numbers else ""),
            used=tuple(point) in numbers,
            reason="not measured",
        )
        for place_of, point in enumerate(_points(place), 1)
    ]


def exact(place: Place) -> Evidence:
    """Of what the front is."""
    known = place.ledger.fronts[place.key.cell].exact
    about = "the whole response table's" if known else "of all that the studies found"
    reading = Reading(place.printed.text, about=about)
    return Evidence(besides=[reading, _whole(place)], studies=place.ids)


def goal(place: Place) -> Evidence:
    """The configurations that measured the point, and the first one's samples."""
    wanted = tuple(_points(place)[int(place.key.part) - 1])
    held = whole.held(place.ledger, place.cell)
    goals = place.cell.objective.goals
    of = next(g for g in goals if f"{g.metric}, {g.unit}" == place.column.name)
    names = [k for k, found in held.items() if place.cell.objective.scores(found.trial) == wanted]
    found = [whole.of_entry(place.ledger, place.cell, name, of.metric) for name in names]
    return Evidence(found[0] if found else None, besides=found[1:])


def studies_at(place: Place) -> Evidence:
    """The studies that measured a configuration of these values."""
    wanted = tuple(_points(place)[int(place.key.part) - 1])
    parts: list[Part] = []
    for study in place.studies:
        at = [number for number, scores in _scores(place, study) if tuple(scores) == wanted]
        where = place.ledger.where(study.id, at[0]) if at else ""
        about = f"seed {study.seed}" + (f", trial {at[0]}" if at else "")
        parts.append(Reading(study.id, "", about, where, bool(at), "never measured it"))
    return Evidence(step("count", "studies that measured it", parts), studies=place.ids)


COLUMNS: Mapping[str, Declared] = {
    "cell": CELL,
    "method": method,
    "n": studies,
    "median-hypervolume": hypervolume,
    "95-interval": interval,
    "points-of-the-front-found": points_found,
    "front": exact,
}
