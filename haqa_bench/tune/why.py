"""Why a recommendation is what it is, in three sentences: what gained, what did not, how sure."""

import json
from collections.abc import Mapping, Sequence
from math import inf, isfinite, nan

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.tracks.serve.workload import ServeWorkload
from haqa_bench.tune import kept, unmet
from haqa_bench.tune.kept import Limit
from haqa_bench.tune.recommendation import Recommendation
from haqa_bench.tune.trade import Trade

SLIGHT = 0.03
"""What is no difference where the noise floor is not known: a share, and a guess."""


def why(run: Run, cell: Cell, told: Recommendation, limits: Sequence[Limit]) -> list[str]:
    """The three sentences, and what is odd about the default."""
    rows = [row for row in run.rows("trade", Trade) if row.feasible]
    if isinstance(cell.workload, ServeWorkload) and not any(row.value for row in rows):
        return unmet.sentences(run, rows, cell, cell.workload.slo)
    three = [_gained(cell, told), _not_gained(rows, told), _sure(told)]
    return [*three, *_beyond(rows, limits)]


def _gained(cell: Cell, told: Recommendation) -> str:
    if told.default_is_best:
        return "Nothing that was tried, and is allowed, was better than the default."
    if told.kept_default:
        return "Nothing that was tried, and is allowed, is confirmed better than the default."
    default = cell.space.default
    changed = [
        f"{name} {value} in place of {default[name]}"
        for name, value in told.configuration.items()
        if value != default[name]
    ]
    if told.gain is None:
        found = f"{told.found:.3g} {told.unit}, where the default gave {told.default:.3g}"
        return f"{'; '.join(changed)}: {found}, when found."
    return f"{'; '.join(changed)}: {told.gain:.2f} times the default when found."


def _not_gained(rows: Sequence[Trade], told: Recommendation) -> str:
    """What was tried of each setting beside the recommended value, at its best: held against the
    default where that is kept, else against the best.
    """
    held = [row.score for row in rows if row.number == 0 or not told.kept_default]
    base, of = max(held, default=0.0), "default" if told.kept_default else "best"
    tried = {
        f"{name} {value}": _times(score, base)
        for (name, value), score in _best_of_each(rows).items()
        if value != _said(told.configuration.get(name))
    }
    floor, noise = SLIGHT, f"of more than {100 * SLIGHT:.0f} %"
    if told.noise_floor is not None:
        floor, noise = told.noise_floor, f"beyond the noise of {100 * told.noise_floor:.1f} %"
    faster = {name: times for name, times in tried.items() if times > 1 + floor}
    slower = {name: times for name, times in tried.items() if times < 1 - floor}
    same = [name for name in tried if name not in (*faster, *slower)]
    told_of = {
        "faster when found, and not confirmed, so many times the default": _each(faster),
        f"no gain {noise}": ", ".join(same),
        f"slower, at best so many times the {of}": _each(slower),
    }
    parts = [f"{what}: {names}" for what, names in told_of.items() if names]
    sentence = "; ".join(parts) or "no other setting was tried"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _times(score: float, base: float) -> float:
    """How many times as good as the base a score is: of what is to be small, both are negative."""
    if score == base:
        return 1.0
    good, over = (score, base) if base >= 0 else (base, score)
    return good / over if over else inf


def _each(tried: Mapping[str, float]) -> str:
    """Settings with how many times as good they are; nothing is a multiple of 0."""
    numbers = {name: f" ({times:.2f})" if isfinite(times) else "" for name, times in tried.items()}
    return ", ".join(f"{name}{number}" for name, number in numbers.items())


def _best_of_each(rows: Sequence[Trade]) -> Mapping[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for row in rows:
        for name, value in json.loads(row.configuration).items():
            key = (name, _said(value))
            found[key] = max(row.score, found.get(key, row.score))
    return found


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sure(told: Recommendation) -> str:
    if told.default_is_best:
        return "The default is the best that was found, so pairs had nothing to confirm."
    if not told.pairs:
        count = told.zeros.both
        why_not = f"both gave 0 in each of {count} pairs, which tells nothing"
        if not count:
            why_not = "each pair failed"
        if told.failed:
            more = f"; in {len(told.failed)} more it failed" if count else ""
            why_not += f"{more}: {_first(told.failed)}"
        return f"The best that was found could not be held against the default: {why_not}."
    floor = (
        f"; the default against itself varies by {100 * told.noise_floor:.1f} %"
        if told.noise_floor is not None
        else ""
    )
    again = f"Measured again in {told.pairs} pairs with the default: {_in_pairs(told)}{floor}"
    if told.failed:
        again += f"; in {len(told.failed)} more it failed, so it is not recommended: "
        again += _first(told.failed)
    return f"{again}."


def _first(reasons: Sequence[str]) -> str:
    """The first reason, in a line."""
    return next(iter(reasons)).splitlines()[0].rstrip(".")


def _in_pairs(told: Recommendation) -> str:
    """What pairs said; where one of a pair was 0, in words."""
    zeros, said = told.zeros, []
    low, high = told.interval or (None, None)
    if told.confirmed_gain is not None:
        said += [f"{told.confirmed_gain:.3f} times it{_span(low, high)}"]
    elif low is not None:
        said += [f"at least {low:.3f} times it, by the 95 % interval"]
    said += [f"the default gave 0 in {zeros.default}, and this did not"] if zeros.default else []
    said += [f"this gave 0 in {zeros.found}, and the default did not"] if zeros.found else []
    said += [f"{zeros.both} more, in which both gave 0, tell nothing"] if zeros.both else []
    return "; ".join(said)


def _span(low: float | None, high: float | None) -> str:
    """The interval in words; nothing where there is none."""
    if low is None:
        return ""
    return f", 95 % interval {low:.3f} {'and more' if high is None else f'to {high:.3f}'}"


def _beyond(rows: Sequence[Trade], limits: Sequence[Limit]) -> list[str]:
    """That the default itself is beyond a limit, and what is allowed then."""
    default: Mapping[str, float] = json.loads(rows[0].metrics) if rows else {}
    broken = [
        f"{limit.words} ({limit.constraint.metric} {default[limit.constraint.metric]:.4g})"
        for limit in limits
        if (limit.constraint.over(default.get(limit.constraint.metric, nan), None) or 0.0) > 0
    ]
    if not broken:
        return []
    what = f"The default itself is beyond {kept.OPTION} {', '.join(broken)}"
    return [f"{what}: what loses no more than it is allowed too."]
