"""Winners against the default, measured again in pairs: the verdict on each configuration, and the
machine's noise floor.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from haqa_bench.arithmetic.estimate import QUIET, Interval
from haqa_bench.project import Run
from haqa_bench.report import statistics, verdict
from haqa_bench.report.found.best import Best
from haqa_bench.space import key_of
from haqa_bench.store.confirmed import failure


class Verdict(NamedTuple):
    """How many times as good as the default a configuration is (above 1 is better), over `pairs`
    pairs; infinite where the default is 0. `value` is its own median. `failed` is in how many more
    pairs it could not be measured.
    """

    ratio: float
    interval: Interval | None
    pairs: int
    value: float
    failed: int = 0

    @property
    def better(self) -> bool:
        """Whether it beats the default: enough pairs, the whole interval above 1, and none in which
        it failed.
        """
        return self.word(0.0) == "better"

    def word(self, floor: float) -> verdict.Word:
        """The word on it, where the machine's noise is `floor`, a share."""
        enough = self.pairs >= statistics.FEWEST_PAIRS
        found = verdict.of_ratio(self.ratio, self.interval if enough else None, floor)
        return "undecided" if self.failed and found == "better" else found


class Pairs(NamedTuple):
    """All that was measured again in a run. `verdicts` by (cell, configuration); `floors` and
    `machines` by cell.
    """

    verdicts: Mapping[tuple[str, str], Verdict]
    floors: Mapping[str, float]
    machines: Mapping[str, str]
    ratios: Mapping[tuple[str, str], Sequence[float]] = MappingProxyType({})
    """What each verdict is the median of."""
    own: Mapping[str, Sequence[float]] = MappingProxyType({})
    """What each floor is made of: the default with itself, by cell."""
    silent: Mapping[tuple[str, str], int] = MappingProxyType({})
    """How many pairs of each, the default among them, tell nothing: both sides are 0."""
    failed: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({})
    """Why each could not be measured in a pair, by (cell, configuration)."""


class Against(NamedTuple):
    """How many times as good as another's a method's winners are, in pairs; with a 95 % interval
    where there are pairs enough. `pairs` is the smallest number of them that any of both has.
    """

    ratio: float
    interval: Interval | None
    pairs: int


class Pair(NamedTuple):
    """A configuration beside the default in one sitting: `ratio` is how many times as good,
    infinite where the worse is 0, and None where both are. Where a side `failed`, there are no
    numbers.
    """

    cell: str
    configuration: str
    is_default: bool
    machine: str
    ratio: float | None
    value: float | None
    others: float
    failed: str = ""


def pairs(run: Run) -> Pairs:
    """The pairs of a run. Disturbed ones are left out where a configuration has enough others.

    The floor is what the protocol may be wrong by: see `noise_floor`. None stands for a cell whose
    default is 0 at times, and of which no share can be told.

    Raises:
        HaqaError: the database cannot be read.
    """
    return judged(run.rows("pairs", Pair))


def judged(found_pairs: Sequence[Pair]) -> Pairs:
    """As `pairs`, of pairs in the order of cell, configuration and number."""
    taken: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    failed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pair in found_pairs:
        if not pair.failed:
            taken[pair.cell, pair.configuration].append(pair)
        elif not pair.is_default and not (one := failure(pair.failed)).of_default:
            failed[pair.cell, pair.configuration].append(one.reason)
    kept = {key: counted(found) for key, found in taken.items()}
    ratios = {k: [p.ratio for p in found if p.ratio is not None] for k, found in kept.items()}
    told = {key: found for key, found in kept.items() if ratios[key]}
    tuned = {key: found for key, found in told.items() if not found[0].is_default}
    usual = [len(ratios[key]) for key in tuned] or [statistics.FEWEST_PAIRS]
    own = {key[0]: ratios[key] for key in told if key not in tuned}
    floors = {cell: noise_floor(found, int(np.median(usual))) for cell, found in own.items()}
    return Pairs(
        {key: _verdict(found, ratios[key], failed.get(key, ())) for key, found in tuned.items()},
        {cell: floor for cell, floor in floors.items() if math.isfinite(floor)},
        {cell: found[-1].machine for (cell, _), found in taken.items()},
        {key: ratios[key] for key in tuned},
        own,
        {key: silent for key, found in kept.items() if (silent := len(found) - len(ratios[key]))},
        failed,
    )


def counted(found: Sequence[Pair]) -> list[Pair]:
    """The pairs of a configuration that count: the undisturbed ones, or all where these are too few
    for a verdict.
    """
    quiet = [pair for pair in found if pair.others <= QUIET]
    return quiet if len(quiet) >= statistics.FEWEST_PAIRS else list(found)


def noise_floor(ratios: Sequence[float], pairs: int) -> float:
    """How far from 1 the median of so many pairs of equal things may be: 95 % of 10,000 resamples
    of `ratios` are closer. Infinite where one of a pair may be 0.
    """
    medians = statistics.medians(ratios, pairs)
    with np.errstate(divide="ignore"):
        apart = np.abs(np.log(medians))
    return float(np.expm1(statistics.quantile(apart, 0.95)))


def _verdict(found: Sequence[Pair], ratios: Sequence[float], failed: Sequence[str]) -> Verdict:
    value = np.median([pair.value for pair in found if pair.value is not None])
    interval = statistics.median_interval(ratios)
    return Verdict(float(np.median(ratios)), interval, len(ratios), float(value), len(failed))


def confirmed_ratio(row: Best, pairs: Pairs) -> float | None:
    """The median over studies of the winner against the default, in pairs; None as long as one is
    missing. One that failed in each pair has its default kept.
    """
    known = pairs.verdicts.keys() | pairs.failed.keys()
    if any((row.cell, w) not in known for w in _tuned(row)):
        return None
    better = better_ratios(row, pairs)
    kept = [1.0] * (len(row.winners) - len(better))
    return median(better + kept or [1.0])


def against(row: Best, peer: str, pairs: Pairs) -> Against | None:
    """A method's winners against a peer, both in pairs with the default of one sitting; what does
    not beat the default counts as it. None as long as either is missing.
    """
    ours, theirs = confirmed_ratio(row, pairs), pairs.verdicts.get((row.cell, peer))
    if ours is None or theirs is None:
        return None
    fewest = min(one.pairs for one in (theirs, *_verdicts(row, pairs)))
    return Against(ours / theirs.ratio, _interval(row, peer, pairs), fewest)


def _interval(row: Best, peer: str, pairs: Pairs) -> Interval | None:
    """Over 10,000 draws of the pairs of each winner, and of the peer; None where these have too
    few.
    """
    winners = [(row.cell, w) for w in _tuned(row) if (row.cell, w) in pairs.verdicts]
    better = [key for key in winners if pairs.verdicts[key].better]
    theirs = pairs.ratios[row.cell, peer]
    if len(theirs) < statistics.FEWEST_PAIRS:
        return None
    drawn = {
        key: statistics.medians(pairs.ratios[key], len(pairs.ratios[key]), seed)
        for seed, key in enumerate(dict.fromkeys(better), start=1)
    }
    kept = [np.ones(statistics.RESAMPLES)] * max(len(row.winners) - len(better), not better)
    middle = np.median([*(drawn[key] for key in better), *kept], axis=0)
    low, high = np.quantile(middle / statistics.medians(theirs, len(theirs)), [0.025, 0.975])
    return Interval(float(low), float(high))


def better_ratios(row: Best, pairs: Pairs) -> list[float]:
    """The ratios of the winners that beat the default in their pairs."""
    return [verdict.ratio for verdict in _verdicts(row, pairs) if verdict.better]


def _verdicts(row: Best, pairs: Pairs) -> list[Verdict]:
    """Of each study's winner, as far as there are any."""
    return [pairs.verdicts[row.cell, w] for w in _tuned(row) if (row.cell, w) in pairs.verdicts]


def word_of(row: Best, pairs: Pairs) -> verdict.Word | None:
    """The word on what a method's winners gain over the default in most of its studies; whatever is
    not better, the default is what to use. None where it is not known, since nothing was found, or
    not confirmed though tuning saw more than the noise floor.
    """
    if not row.winners or row.is_default:
        return None
    ratio = confirmed_ratio(row, pairs)
    if ratio is None:
        return _unconfirmed(row, pairs.floors.get(row.cell))
    if ratio > 1:
        return "better"
    said = Counter(_word(row, _key(winner), pairs) for winner in row.winners)
    return max((word for word in said if word != "better"), key=lambda word: said[word])


def _word(row: Best, winner: str, pairs: Pairs) -> verdict.Word:
    if winner == _key(row.default_configuration):
        return "tie"
    known = pairs.verdicts.get((row.cell, winner))
    return known.word(pairs.floors.get(row.cell, 0.0)) if known else "undecided"


def _unconfirmed(row: Best, floor: float | None) -> verdict.Word | None:
    """By what tuning saw alone, which is too large: beyond a floor it may be a gain."""
    if row.speed_up is None:
        return None
    word = verdict.of_ratio(row.speed_up, None, floor or 0.0)
    return None if word == "undecided" and floor is not None else word


def _tuned(row: Best) -> list[str]:
    return [w for w in map(_key, row.winners) if w != _key(row.default_configuration)]


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))
