"""Learning curves: how the loss of a training fell, as trials keep it (a fact) and as it is used.

A curve is a fact of its trial, in words: `step:loss` or, where epochs are known, `step@epoch:loss`,
with blanks between its points. A point's loss is the mean over the steps since the point before. A
training that diverged keeps the curve that it had until then.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench.errors import Status

if TYPE_CHECKING:  # workers import this module, and pydantic would take each a tenth of a second
    from haqa_bench.trial import Trial

FACT = "learning_curve"
FACTS = (FACT, f"training_{FACT}")
"""What a curve is called among the facts; in a joint trial, it is its training's."""
STEPS, PLANNED = "steps", "planned_steps"
"""The facts that say how many steps a training took, and, where it diverged, how many were due."""
MOST = 20
"""Losses that a prompt tells of a training, unless it asks for others."""
LONGEST = 100_000
"""Characters of a fact that are read as a curve."""
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_POINT = re.compile(rf"(\d{{1,12}})(?:@({_NUMBER}))?:(-?{_NUMBER})")


class Point(NamedTuple):
    """A point of a curve: after so many steps and, where that is known, epochs; and the mean loss,
    in nats, since the point before.
    """

    step: int
    epoch: float | None
    loss: float


def as_fact(points: Iterable[Point]) -> str:
    """A curve as it is stored: each loss with four digits."""
    return " ".join(map(_as_word, points))


def _as_word(point: Point) -> str:
    epoch = "" if point.epoch is None else f"@{point.epoch:.4g}"
    return f"{point.step}{epoch}:{point.loss:.4g}"


def points(facts: Mapping[str, str]) -> Sequence[Point]:
    """The curve that facts tell; empty where they tell none, or something of another form."""
    text = next((facts[name] for name in FACTS if name in facts), "")
    found = [_POINT.fullmatch(word) for word in text[:LONGEST].split()]
    if len(text) > LONGEST or None in found:
        return ()
    read = [_point(*match.groups()) for match in found if match]
    ascends = all(one.step < after.step for one, after in pairwise(read))
    return read if ascends and all(math.isfinite(p.loss) for p in read) else ()


def _point(step: str, epoch: str | None, loss: str) -> Point:
    return Point(int(step), None if epoch is None else float(epoch), float(loss))


def losses(trial: "Trial", most: int = MOST) -> tuple[float, ...]:
    """A training's losses in nats, in their order, at most `most` numbers of four digits; where the
    curve has more points, means of neighbours. Empty where there is no curve.
    """
    return tuple(float(f"{loss:.4g}") for loss in _thinned(points(trial.facts), most))


def _thinned(curve: Sequence[Point], most: int) -> list[float]:
    if len(curve) <= most:
        return [point.loss for point in curve]
    starts = [round(len(curve) * part / most) for part in range(most + 1)]
    steps = [0, *(point.step for point in curve)]
    sums = [p.loss * (p.step - before) for p, before in zip(curve, steps, strict=False)]
    return [sum(sums[first:end]) / (steps[end] - steps[first]) for first, end in pairwise(starts)]


def share_trained(trial: "Trial") -> float:
    """The share of a training's steps that it took: 1 where it came to its end, or where nobody
    knows how far it came.
    """
    taken, planned = (_count(trial.facts.get(name, "")) for name in (STEPS, PLANNED))
    known = trial.status is not Status.OK and taken and planned
    return min(1.0, taken / planned) if known else 1.0


def _count(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,12}", text) else 0
