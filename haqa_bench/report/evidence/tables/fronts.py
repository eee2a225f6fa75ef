"""What stands behind the columns of the tables of fronts."""

from collections.abc import Mapping, Sequence

from haqa_bench import tracks
from haqa_bench.report.evidence.place import CELL, Declared, Place, method, studies
from haqa_bench.report.evidence.recorded import whole
from haqa_bench.report.evidence.recorded.ledger import Study, key
from haqa_bench.report.evidence.rules import group, step
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step, numbers
from haqa_bench.space import key_of
from haqa_bench.trial import Goal, Trial

Scores = Mapping[str, tuple[Part, ...]]
"""What each configuration scored in every goal, larger is better."""


def _pooled(place: Place) -> Scores:
    """Of all that is feasible in the response table: the median over configurations that must
    measure the same. Empty where there is none.
    """
    held = whole.held(place.ledger, place.cell)
    kept = {name: found.trial for name, found in held.items() if found.score is not None}
    columns = [_goal_scores(place, goal, kept) for goal in place.cell.objective.goals]
    return {name: tuple(column[name] for column in columns) for name in kept}


def _goal_scores(place: Place, goal: Goal, kept: Mapping[str, Trial]) -> dict[str, Step]:
    alike: dict[str, list[str]] = {}
    for name, trial in kept.items():
        alike.setdefault(_shared(place, goal, trial), []).append(name)
    made: dict[str, Step] = {}
    for names in alike.values():
        parts = [Reading(goal.score(kept[name]), goal.unit, name) for name in names]
        found = step("median", _goal(goal), parts, goal.unit)
        made |= dict.fromkeys(names, found)
    return made


def _shared(place: Place, goal: Goal, trial: Trial) -> str:
    """The settings that alone decide a goal."""
    deciding = tracks.of(place.cell).decides(goal.metric)
    setting = trial.configuration or {}
    return key_of({n: v for n, v in setting.items() if deciding is None or n in deciding})


def _goal(goal: Goal) -> str:
    smaller = ", as its negative, since smaller is better"
    return goal.metric + (smaller if goal.direction == "minimize" else "")


def _known(place: Place) -> Scores:
    """The scores of the response table, kept for the next number."""
    name = place.key.cell
    if name not in place.ledger.pooled:
        place.ledger.pooled[name] = _pooled(place)
    return place.ledger.pooled[name]


def _bare(place: Place, scores: Sequence[float]) -> tuple[Part, ...]:
    goals = place.cell.objective.goals
    both = zip(scores, goals, strict=True)
    return tuple(Reading(score, goal.unit, _goal(goal)) for score, goal in both)


def _at(parts: Sequence[Part]) -> tuple[float, ...]:
    return tuple(numbers(parts))


def _points(place: Place) -> list[tuple[Part, ...]]:
    """The points of the front, as they stand in its table."""
    by_scores = {_at(parts): parts for parts in _known(place).values()}
    wanted = sorted(place.ledger.fronts[place.key.cell].points.tolist(), reverse=True)
    return [by_scores.get(tuple(point)) or _bare(place, point) for point in wanted]


def _scores(place: Place, study: Study) -> list[tuple[int, tuple[Part, ...]]]:
    """What each feasible trial of a study scored, with its number."""
    known = _known(place)
    return [
        (t.number, known.get(key(t.configuration)) or _bare(place, t.scores))
        for t in place.ledger.trials[study.id]
        if t.feasible and t.scores is not None
    ]


def _volume(place: Place, about: str, points: Sequence[Step]) -> Step:
    worst = place.ledger.fronts[place.key.cell].worst.tolist()
    reference = group("the reference, the worst of each goal", _bare(place, worst))
    return step("hypervolume", about, [reference, *points])


def _whole(place: Place) -> Step:
    points = enumerate(_points(place), 1)
    groups = [group(f"point {number} of the front", point) for number, point in points]
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
        group(f"trial {number}", scores, place.ledger.where(study.id, number))
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
    """The points of the front, and in which trial a study first measured each."""
    trials = {_at(scores): number for number, scores in reversed(_scores(place, study))}
    found = [(number, trials.get(_at(point))) for number, point in enumerate(_points(place), 1)]
    return [
        Reading(f"trial {trial}", about=f"point {number}")
        if trial is not None
        else Reading("none", about=f"point {number}", used=False, reason="never measured")
        for number, trial in found
    ]


def exact(place: Place) -> Evidence:
    """Of what the front is."""
    known = place.ledger.fronts[place.key.cell].exact
    about = "of the whole response table" if known else "of all that the studies found"
    reading = Reading(place.printed.text, about=about)
    return Evidence(besides=[reading, _whole(place)], studies=place.ids)


def _row(place: Place) -> tuple[Part, ...]:
    return _points(place)[int(place.key.part) - 1]


def goal(place: Place) -> Evidence:
    """The samples of every configuration that must measure the same as the point."""
    goals, cell = place.cell.objective.goals, place.cell
    names = [(g.unit, f"{g.metric}, {g.unit}") for g in goals]
    at = next(i for i, known in enumerate(names) if place.column.name in known)
    pooled = _row(place)[at]
    alike = [p.about for p in pooled.parts] if isinstance(pooled, Step) else []
    parts = [whole.of_entry(place.ledger, cell, name, goals[at].metric) for name in alike]
    about = "all configurations that must measure the same"
    return Evidence(step("median", about, parts, goals[at].unit))


def studies_at(place: Place) -> Evidence:
    """The studies that measured a configuration of these values."""
    parts: list[Part] = []
    for study in place.studies:
        at = [n for n, scores in _scores(place, study) if _at(scores) == _at(_row(place))]
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
