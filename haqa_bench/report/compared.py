"""Methods against each other, in numbers: what tables print of a comparison, and what Python gets.

Nothing here says that something is better but the verdict (haqa_bench.report.verdict).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.arithmetic.exact_random import ExactRandom
from haqa_bench.errors import HaqaError, nearest
from haqa_bench.report import statistics, verdict
from haqa_bench.report.found.studies import StudyResult, grouped
from haqa_bench.report.found.uncertainty import Uncertainty
from haqa_bench.space import key_of


class Known(NamedTuple):
    """What is known of a cell from its whole response table: what random search finds, and how sure
    the table is of its best; None where that cannot be said.
    """

    exact: ExactRandom | None = None
    uncertainty: Uncertainty | None = None


class Compared(NamedTuple):
    """A method on a cell, over its studies, beside another. Values in the objective's unit; None
    where that cannot be said.
    """

    cell: str
    method: str
    studies: int
    unit: str
    found: int
    """How many of the studies found anything feasible: the values are of these."""
    median: float | None
    interval: Interval | None
    """The 95 % bootstrap interval of the median; None below six studies."""
    iqm: float | None
    verdict: verdict.Verdict | None
    """None for the other method itself, and where no seed is shared."""
    chance: float | None
    """That a study is ahead of one of the other method; ties half."""
    regret: float | None
    """The median distance from the table's best, as a share of it."""
    noise: Interval | None
    """What noise makes of the regret of the study in the middle."""
    with_regret: int
    rank: float | None
    hits: int | None
    """Studies that found the table's best; None without a table."""
    sources: Sequence[str]


def compared(
    found: Sequence[StudyResult],
    against: str,
    floors: Mapping[str, float],
    known: Mapping[str, Known] = MappingProxyType({}),
) -> list[Compared]:
    """Each cell's methods beside the method `against`, cells and methods in the order of `found`.

    `floors` is the noise floor of each cell whose default was measured against itself: medians no
    further apart are a tie. `known` is of cells whose whole response table was replayed.

    Raises:
        HaqaError: no study is of the method `against`.
    """
    if not any(result.method == against for result in found):
        todo = nearest(against, sorted({r.method for r in found}))
        raise HaqaError("--against", f"no study of '{against}' in this run", todo)
    said = verdict.against(found, against, floors)
    return list(_each(found, against, said, known))


def _each(
    found: Sequence[StudyResult],
    against: str,
    said: Mapping[tuple[str, str], verdict.Verdict],
    known: Mapping[str, Known],
) -> Iterator[Compared]:
    for cell, methods in grouped(found).items():
        for name, rows in methods.items():
            unsure = known.get(cell, Known()).uncertainty
            yield _one(rows, methods.get(against, ()), said.get((cell, name)), unsure)


def _one(
    rows: Sequence[StudyResult],
    others: Sequence[StudyResult],
    said: verdict.Verdict | None,
    unsure: Uncertainty | None,
) -> Compared:
    values = [r.best_value for r in rows if r.best_value is not None]
    ranks = [r.rank for r in rows if r.rank is not None]
    regrets = [r.regret for r in rows if r.regret is not None]
    swept = any(r.optimum is not None and r.best_value is not None for r in rows)
    return Compared(
        cell=rows[0].cell,
        method=rows[0].method,
        studies=len(rows),
        unit=rows[0].unit,
        found=len(values),
        median=_median(values),
        interval=statistics.median_interval(values),
        iqm=statistics.interquartile_mean(values),
        verdict=said,
        chance=_chance(rows, others),
        regret=_median(regrets),
        noise=_noise(rows, unsure),
        with_regret=len(regrets),
        rank=_median(ranks),
        hits=sum(r.found_best for r in rows) if swept else None,
        sources=sorted({r.source for r in rows if r.source}),
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _noise(rows: Sequence[StudyResult], unsure: Uncertainty | None) -> Interval | None:
    """What noise makes of a regret, by the study in the middle."""
    ordered = sorted((r for r in rows if r.regret is not None), key=lambda r: r.regret or 0.0)
    middle = ordered[len(ordered) // 2].winner if ordered else None
    return unsure.regret(key_of(json.loads(middle))) if unsure and middle else None


def _chance(rows: Sequence[StudyResult], others: Sequence[StudyResult]) -> float | None:
    """How likely a study of a method is ahead of one of that which it is compared with."""
    ours, theirs = ([r.best for r in group if r.best is not None] for group in (rows, others))
    if rows is others or not ours or not theirs:
        return None
    return statistics.probability_of_improvement(ours, theirs)
