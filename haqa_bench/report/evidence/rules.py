"""The rules by which printed numbers are made: a small closed set, each one sentence and one
function. `explain` does every sum again by them.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from statistics import fmean, median, quantiles
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.arithmetic.exact_random import exact_random
from haqa_bench.arithmetic.memory import MARGIN
from haqa_bench.report import statistics, verdict
from haqa_bench.report.evidence.tree import Known, Part, Step, numbers, texts, used
from haqa_bench.report.found.pairs import noise_floor
from haqa_bench.report.found.uncertainty import redrawn
from haqa_bench.report.tables.bit_widths_notes import RESAMPLES

AGREE = 1e-9
"""How far, as a share, a sum that is done again may be from what was printed."""


class Rule(NamedTuple):
    """`sentence` says what it makes of its parts, `value` does it; None where that cannot be
    told.
    """

    sentence: str
    value: Callable[[Sequence[Part]], Known | None]


def _of_numbers(make: Callable[[Sequence[float]], float]) -> Callable[[Sequence[Part]], Known]:
    def made(parts: Sequence[Part]) -> float:
        return float(make(numbers(parts)))

    return made


def _of_two(make: Callable[[float, float], float]) -> Callable[[Sequence[Part]], Known | None]:
    def made(parts: Sequence[Part]) -> float | None:
        found = numbers(parts)
        return make(found[0], found[1]) if len(found) == 2 else None

    return made


def _of_groups(
    make: Callable[[Sequence[Sequence[float]]], float],
) -> Callable[[Sequence[Part]], Known]:
    def made(parts: Sequence[Part]) -> float:
        return make([numbers(part.parts) for part in parts if isinstance(part, Step)])

    return made


def _largest(parts: Sequence[Part]) -> str | None:
    """The name of the part that is the largest; the first among equals."""
    known = [p for p in used(parts) if not isinstance(p.value, str)]
    return max(known, key=lambda p: float(p.value or 0)).about if known else None


def _votes(parts: Sequence[Part]) -> str:
    """Each word, with how often where not all are alike."""
    said = texts(parts)
    return ", ".join(
        word if times == len(said) else f"{times} {word}"
        for word, times in Counter(said).most_common()
    )


def _first(parts: Sequence[Part]) -> str:
    """The name of the first that counts."""
    return next((part.about for part in used(parts)), "none")


def _confirmed(parts: Sequence[Part]) -> float | None:
    """The ratio where its interval's low end is above 1 and it has enough pairs, else 1."""
    ratio, low, pairs = parts
    if ratio.value is None:
        return None
    enough = _at(pairs) >= statistics.FEWEST_PAIRS
    return _at(ratio) if low.value is not None and _at(low) > 1 and enough else 1.0


def _at(part: Part) -> float:
    (number,) = numbers([part])
    return number


def _wilcoxon(parts: Sequence[Part]) -> float:
    from scipy import stats

    pairs = _pairs(parts)
    if all(one == other for one, other in pairs):
        return 1.0
    return float(stats.wilcoxon(*zip(*pairs, strict=True)).pvalue)


def _holm(found: Sequence[float]) -> float:
    """Of the first p value, among all of them."""
    smaller = sorted(p for p in found if p <= found[0])
    return min(1.0, max((len(found) - place) * p for place, p in enumerate(smaller)))


def _hypervolume(points: Sequence[Sequence[float]]) -> float:
    import moocore

    reference, *rest = points
    return float(moocore.hypervolume(np.array(rest), ref=np.array(reference), maximise=True))


def _flips(groups: Sequence[Sequence[float]]) -> float:
    rng = np.random.default_rng(0)
    drawn = [
        np.quantile(rng.choice(np.asarray(taken), (RESAMPLES, len(taken))), 0.75, axis=1)
        for taken in groups
    ]
    best = int(np.argmax([np.quantile(taken, 0.75) for taken in groups]))
    others = [values for place, values in enumerate(drawn) if place != best]
    return 100 * float(np.mean(np.max(others, axis=0) > drawn[best])) if others else 0.0


def _random(share: float) -> Callable[[Sequence[Part]], float | None]:
    """Parts are the direction, the number of draws, of how many, the default (none where it does
    not count) and all others that count.
    """

    def made(parts: Sequence[Part]) -> float | None:
        (draws, others), default, values = (numbers(p.parts) for p in parts if isinstance(p, Step))
        direction: Literal["maximize", "minimize"] = (
            "minimize" if "minimize" in texts(parts) else "maximize"
        )
        known = default[0] if default else None
        return exact_random(values, int(others), known, int(draws), direction).quantile(share)

    return made


def _noisy_regret(share: float) -> Callable[[Sequence[Part]], float]:
    """Parts are the direction, the configuration, and all that count, with their samples."""

    def made(parts: Sequence[Part]) -> float:
        direction, chosen, *every = parts
        known = tuple((p.about, tuple(numbers(p.parts))) for p in every if isinstance(p, Step))
        best, scores = _redrawn(known, every[0].unit, direction.value == "minimize")
        return 100 * float(np.quantile((best - scores[chosen.about]) / np.abs(best), share))

    return made


@lru_cache(maxsize=32)
def _redrawn(
    known: Sequence[tuple[str, tuple[float, ...]]], unit: str, smaller: bool
) -> tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]]:
    """The best score of each resample, and each configuration's."""
    sign = -1.0 if smaller else 1.0
    scores = {name: sign * values for name, values in redrawn(dict(known), unit).items()}
    return np.max(list(scores.values()), axis=0), scores


def _pairs(parts: Sequence[Part]) -> list[tuple[float, float]]:
    """Both sides of each pair that stands together."""
    both = (numbers(part.parts) for part in parts if isinstance(part, Step))
    return [(one, other) for one, other in both]


def _ahead(parts: Sequence[Part]) -> float:
    return float(sum(one > other for one, other in _pairs(parts)))


def _word(parts: Sequence[Part]) -> str | None:
    """Parts are the pairs, the noise floor, and the p value where there is one."""
    pairs, floor, *p = parts
    both = _pairs(pairs.parts) if isinstance(pairs, Step) else []
    if not both:
        return None
    one, other = (median(side) for side in zip(*both, strict=True))
    if abs(one - other) <= _at(floor) * abs(other):
        return "tie"
    if not p or _at(p[0]) >= verdict.SIGNIFICANT:
        return "undecided"
    return "better" if one > other else "worse"


def _way(parts: Sequence[Part]) -> float | None:
    """Of a value, the default and the optimum."""
    found, default, optimum = numbers(parts)
    share = statistics.share_of_way(found, default, optimum)
    return None if share is None else 100 * share


def _noise_floor(found: Sequence[float]) -> float:
    """Of ratios, after how many pairs a winner usually has."""
    drawn, *ratios = found
    return noise_floor(ratios, int(drawn))


def _bits(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(item) for item in text])


def _right(parts: Sequence[Part]) -> float:
    (items,) = texts(parts)
    return 100 * items.count("1") / len(items)


def _item_variance(parts: Sequence[Part]) -> float:
    """Parts stand as one configuration's items, the other's, seed by seed."""
    items = [_bits(text) for text in texts(parts)]
    pairs = zip(items[::2], items[1::2], strict=True)
    mean = np.mean([one - other for one, other in pairs], axis=0)
    return float(mean.var()) / len(mean)


def _interval(share: float) -> Callable[[Sequence[float]], float]:
    def end(values: Sequence[float]) -> float:
        return float(np.quantile(statistics.medians(values, len(values)), share))

    return end


def _quartile(place: int) -> Callable[[Sequence[float]], float]:
    def found(values: Sequence[float]) -> float:
        return values[0] if len(values) == 1 else quantiles(values, n=4, method="inclusive")[place]

    return found


UNDISTURBED = f"samples during which other processes took at most {100 * QUIET:g} % of the machine"
RULES: Mapping[str, Rule] = {
    "median": Rule("the middle value", _of_numbers(median)),
    "mean": Rule("the mean", _of_numbers(fmean)),
    "mean of the middle half": Rule(
        "the mean of the middle half", lambda parts: statistics.interquartile_mean(numbers(parts))
    ),
    "upper quartile": Rule(
        f"the upper quartile (75th percentile) of {UNDISTURBED}", _of_numbers(_quartile(2))
    ),
    "lower quartile": Rule(
        f"the lower quartile (25th percentile) of {UNDISTURBED}", _of_numbers(_quartile(0))
    ),
    "share of hits": Rule(
        "how many of them are 1, in percent", _of_numbers(lambda found: 100 * fmean(found))
    ),
    "quotient": Rule("the first over the second", _of_two(lambda a, b: a / b)),
    "quotient in percent": Rule(
        "the first over the second, in percent", _of_two(lambda a, b: 100 * a / b)
    ),
    "relative distance": Rule(
        "how far the first is from the second, in percent of the second",
        _of_two(lambda a, b: 100 * abs(b - a) / abs(b)),
    ),
    "difference": Rule("the first less the second", _of_two(lambda a, b: a - b)),
    "sum": Rule("all together", _of_numbers(sum)),
    "largest": Rule("the largest", _of_numbers(max)),
    "smallest": Rule("the smallest", _of_numbers(min)),
    "count": Rule("how many there are", lambda parts: float(len(used(parts)))),
    "rank from the largest": Rule(
        "one more than how many are larger than the first",
        _of_numbers(lambda found: 1 + sum(other > found[0] for other in found[1:])),
    ),
    "rank from the smallest": Rule(
        "one more than how many are smaller than the first",
        _of_numbers(lambda found: 1 + sum(other < found[0] for other in found[1:])),
    ),
    "low end of the interval": Rule(
        "the low end of the 95 % percentile bootstrap interval of the median (10,000 resamples, "
        "seed 0)",
        _of_numbers(_interval(0.025)),
    ),
    "high end of the interval": Rule(
        "the high end of the 95 % percentile bootstrap interval of the median (10,000 resamples, "
        "seed 0)",
        _of_numbers(_interval(0.975)),
    ),
    "median of random search": Rule(
        "what half of all studies of so many random draws find at least, by counting "
        "(hypergeometric)",
        _random(0.5),
    ),
    "5th percentile of random search": Rule(
        "what 95 % of all studies of so many random draws find at least, by counting",
        _random(0.05),
    ),
    "95th percentile of random search": Rule(
        "what 5 % of all studies of so many random draws find at least, by counting",
        _random(0.95),
    ),
    "low end of the noisy regret": Rule(
        "2.5th percentile, over 1,000 resamples of all samples (seed 0), of how far the first "
        "configuration is from the best, in percent",
        _noisy_regret(0.025),
    ),
    "high end of the noisy regret": Rule(
        "97.5th percentile, over 1,000 resamples of all samples (seed 0), of how far the first "
        "configuration is from the best, in percent",
        _noisy_regret(0.975),
    ),
    "share of the way": Rule(
        "how far the first has come from the second to the third, in percent", _way
    ),
    "pairs ahead": Rule("in how many the first is larger", _ahead),
    "verdict": Rule(verdict.RULE, _word),
    "noise floor": Rule(
        "how far from 1 the median of so many pairs is in at most 95 % of 10,000 bootstrap "
        "resamples (seed 0)",
        _of_numbers(_noise_floor),
    ),
    "confirmed ratio": Rule(
        "the ratio, if the low end of its 95 % interval is above 1 and there are "
        f"{statistics.FEWEST_PAIRS} pairs or more; else the default is kept, at 1",
        _confirmed,
    ),
    "share of pairs ahead": Rule(
        "the share of all pairs, one of each group, in which the first group's is larger; equal "
        "ones count half",
        _of_groups(lambda found: statistics.probability_of_improvement(found[0], found[1])),
    ),
    "Wilcoxon p": Rule("the two-sided p value of Wilcoxon's signed-rank test", _wilcoxon),
    "Holm p": Rule(
        "the first p value, corrected after Holm for all that were tested", _of_numbers(_holm)
    ),
    "hypervolume": Rule(
        "the volume that the points dominate, from the first point, the reference",
        _of_groups(_hypervolume),
    ),
    "flip probability": Rule(
        f"in how many of {RESAMPLES:,} bootstrap resamples of the samples (seed 0) another than "
        "the best one would be the best, by upper quartiles, in percent",
        _of_groups(_flips),
    ),
    "share of right items": Rule("the share of items that are right (1), in percent", _right),
    "item variance": Rule(
        "of the differences item by item, mean over seeds: their variance over their number",
        _item_variance,
    ),
    "standard error": Rule(
        "the root of the sum, over the number of tasks, in points",
        _of_numbers(lambda found: 100 * sum(found) ** 0.5 / len(found)),
    ),
    "size with margin": Rule(
        f"with a margin of {100 * MARGIN:g} %, to a whole byte",
        _of_numbers(lambda found: round(found[0] * (1 + MARGIN))),
    ),
    "size in MB": Rule(
        "in MB (10^6 bytes), to a tenth", _of_numbers(lambda found: round(found[0] / 1e6, 1))
    ),
    "group": Rule("what stands together", lambda parts: None),
    "name of the largest": Rule("the name of the largest", _largest),
    "first that fits": Rule("the first that fits, or none", _first),
    "answers": Rule("each answer, and how often where not all are alike", _votes),
}


def step(rule: str, about: str, parts: Sequence[Part], unit: str = "", where: str = "") -> Step:
    """The parts, and what a rule makes of them; nothing where no part counts."""
    value = RULES[rule].value(parts) if rule == "count" or _any(parts) else None
    return Step(rule, about, value, unit, parts, where)


def _any(parts: Sequence[Part]) -> bool:
    """Whether a part counts, or one of a group."""
    return bool(used(parts)) or any(used(p.parts) for p in parts if isinstance(p, Step))


def group(about: str, parts: Sequence[Part], where: str = "") -> Step:
    """Parts that stand together."""
    return Step("group", about, None, "", parts, where)


def same(one: Known | None, other: Known | None) -> bool:
    """Whether a sum that was done again is what was printed."""
    if isinstance(one, str | None) or isinstance(other, str | None):
        return one == other
    return abs(one - other) <= AGREE * max(abs(one), abs(other), 1e-300)
