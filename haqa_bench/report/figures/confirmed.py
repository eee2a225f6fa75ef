"""What the winners of each method gain once they are measured again, apart from the tuning."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isinf
from statistics import fmean, median
from typing import Literal, NamedTuple

from haqa_bench.project import Run
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.found.pairs import Pairs, confirmed_ratio, pairs
from haqa_bench.report.found.tests import NORMAL_95, Tests, tests
from haqa_bench.space import key_of

Unit = Literal["times", "points"]
NOTHING: Mapping[Unit, float] = {"times": 1.0, "points": 0.0}
"""The gain of the default over itself."""


class Winner(NamedTuple):
    """A winner less or over the default, its 95 % interval (of the median pair, or over items),
    from how many pairs or seeds, how many studies found it, and whether it beats the default.
    """

    gain: float
    low: float
    high: float
    n: int
    studies: int
    better: bool


class Confirmed(NamedTuple):
    """What a method's studies found on a cell, measured again: how many `times` as good as the
    default, in pairs; or test accuracy less the default's, in `points`.

    `middle` is the median over studies. In pairs a winner that does not beat the default counts as
    the default, which would be kept. `default` is what the default has where `winners` are tested,
    in %, else None.
    """

    unit: Unit
    winners: Sequence[Winner]
    middle: float
    studies: int
    default: float | None = None

    @property
    def better(self) -> int:
        """How many studies' winners beat the default."""
        return sum(winner.studies for winner in self.winners if winner.better)


def confirmed(run: Run) -> Mapping[tuple[str, str], Confirmed]:
    """By cell and method; without those of which any winner was not measured again.

    Raises:
        HaqaError: the database cannot be read.
    """
    taken, tested = pairs(run), tests(run)
    found = {}
    for row in best(run):
        if not row.is_default and row.winners:
            one = _tested(row, tested) or _paired(row, taken)
            if one:
                found[row.cell, row.method] = one
    return found


def _paired(row: Best, taken: Pairs) -> Confirmed | None:
    middle = confirmed_ratio(row, taken)
    if middle is None:
        return None
    counts = Counter(_key(winner) for winner in row.winners)
    counts.pop(_key(row.default_configuration), None)
    winners = []
    for key, studies in counts.items():
        verdict = taken.verdicts.get((row.cell, key))
        if verdict is None:  # it failed in each pair
            return None
        low, high = verdict.interval or (verdict.ratio, verdict.ratio)
        winners.append(
            Winner(verdict.ratio, low, high, verdict.pairs, studies, verdict.better),
        )
    if any(isinf(winner.high) for winner in winners):  # times 0: no place on an axis
        return None
    return Confirmed("times", winners, middle, len(row.winners))


def _tested(row: Best, tested: Tests) -> Confirmed | None:
    differences = tested.differences(row) if row.cell in tested.defaults else []
    if not differences:
        return None
    counts = Counter(_key(winner) for winner in row.winners)
    found = dict(zip(map(_key, row.winners), differences, strict=True))
    winners = [
        Winner(
            found[key].points,
            found[key].points - NORMAL_95 * (found[key].error or 0.0),
            found[key].points + NORMAL_95 * (found[key].error or 0.0),
            found[key].seeds,
            studies,
            found[key].better,
        )
        for key, studies in counts.items()
    ]
    middle = median(difference.points for difference in differences)
    default = tested.found[row.cell, tested.defaults[row.cell]].values()
    known = fmean(test.accuracy for test in default)
    return Confirmed("points", winners, middle, len(row.winners), known)


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))
