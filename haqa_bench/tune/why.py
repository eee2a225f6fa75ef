"""Why a recommendation is what it is, in three sentences: what gained, what did not, how sure."""

import json
from collections.abc import Mapping, Sequence

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.tune.recommendation import Recommendation
from haqa_bench.tune.trade import Trade

SLIGHT = 0.03
"""What is no difference where the noise floor is not known: a share."""


def why(run: Run, cell: Cell, told: Recommendation) -> list[str]:
    """The three sentences."""
    rows = [row for row in run.rows("trade", Trade) if row.feasible]
    floor = told.noise_floor or SLIGHT
    return [_gained(cell, told), _not_gained(rows, told, floor), _sure(told)]


def _gained(cell: Cell, told: Recommendation) -> str:
    if told.kept_default:
        return "Nothing that was tried, and is allowed, is confirmed better than the default."
    default = cell.space.default
    changed = [
        f"{name} {value} in place of {default[name]}"
        for name, value in told.configuration.items()
        if value != default[name]
    ]
    return f"{'; '.join(changed)}: {told.gain:.2f} times the default when found."


def _not_gained(rows: Sequence[Trade], told: Recommendation, floor: float) -> str:
    """What was tried of each setting beside the recommended value, at its best."""
    best = max((row.score for row in rows), default=0.0)
    same, worse = [], []
    for (name, value), score in _best_of_each(rows).items():
        if value == _said(told.configuration.get(name)) or not best:
            continue
        share = score / best if best > 0 else best / score
        if share >= 1 - floor:
            same.append(f"{name} {value}")
        else:
            worse.append(f"{name} {value} ({share:.2f})")
    parts = [f"no gain beyond the noise of {100 * floor:.1f} %: {', '.join(same)}"] if same else []
    parts += [f"slower, at best so many times the best: {', '.join(worse)}"] if worse else []
    sentence = "; ".join(parts) or "no other setting was tried"
    return f"{sentence[0].upper()}{sentence[1:]}."


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
    if told.confirmed_gain is None:
        return "Nothing was measured again in pairs."
    span = (
        f", 95 % interval {told.interval[0]:.3f} to {told.interval[1]:.3f}" if told.interval else ""
    )
    floor = f"; the default against itself varies by {100 * (told.noise_floor or 0):.1f} %"
    return (
        f"Measured again in {told.pairs} pairs with the default: {told.confirmed_gain:.3f} times "
        f"it{span}{floor}."
    )
