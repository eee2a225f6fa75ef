"""What the rules do: functions of the parts of a step."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from statistics import median, quantiles
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from haqa_bench.arithmetic.exact_random import exact_random
from haqa_bench.report import statistics, verdict
from haqa_bench.report.evidence.tree import Known, Part, Step, numbers, texts, used
from haqa_bench.report.found.pairs import noise_floor
from haqa_bench.report.found.uncertainty import redrawn
from haqa_bench.report.tables.bit_widths_notes import RESAMPLES


def of_numbers(make: Callable[[Sequence[float]], float]) -> Callable[[Sequence[Part]], Known]:
    """A sum of the numbers of the parts that count."""

    def made(parts: Sequence[Part]) -> float:
        return float(make(numbers(parts)))

    return made


def of_two(
    make: Callable[[float, float], float | None],
) -> Callable[[Sequence[Part]], Known | None]:
    """A sum of two numbers; None where one is unknown."""

    def made(parts: Sequence[Part]) -> float | None:
        found = numbers(parts)
        return make(found[0], found[1]) if len(found) == 2 else None

    return made


def percent(value: float, other: float) -> float | None:
    """One over another, in percent."""
    return 100 * value / other if statistics.ratio(value, other) is not None else None


def change(value: float, other: float) -> float | None:
    """How much more one is than another, in percent of the other."""
    share = percent(value, other)
    return None if share is None else 100 * (value / other - 1)


def relative_distance(value: float, optimum: float) -> float | None:
    """From the optimum, in percent of it."""
    share = statistics.regret(value, optimum)
    return None if share is None else 100 * share


def of_groups(
    make: Callable[[Sequence[Sequence[float]]], float],
) -> Callable[[Sequence[Part]], Known]:
    """A sum of groups of numbers."""

    def made(parts: Sequence[Part]) -> float:
        return make([numbers(part.parts) for part in parts if isinstance(part, Step)])

    return made


def name_of_largest(parts: Sequence[Part]) -> str | None:
    """The name of the part that is the largest; the first among equals."""
    known = [p for p in used(parts) if not isinstance(p.value, str)]
    return max(known, key=lambda p: float(p.value or 0)).about if known else None


def votes(parts: Sequence[Part]) -> str:
    """Each word, with how often where not all are alike."""
    said = texts(parts)
    return ", ".join(
        word if times == len(said) else f"{times} {word}"
        for word, times in Counter(said).most_common()
    )


def name_of_first(parts: Sequence[Part]) -> str:
    """The name of the first that counts."""
    return next((part.about for part in used(parts)), "none")


def confirmed_ratio(parts: Sequence[Part]) -> float | None:
    """The ratio where its interval's low end is above 1, it has enough pairs, and it failed in no
    more, else 1.
    """
    ratio, low, pairs, *failed = parts
    if failed:
        return 1.0
    if ratio.value is None:
        return None
    enough = at(pairs) >= statistics.FEWEST_PAIRS
    return at(ratio) if low.value is not None and at(low) > 1 and enough else 1.0


def at(part: Part) -> float:
    """The number of a part."""
    (number,) = numbers([part])
    return number


def wilcoxon(parts: Sequence[Part]) -> float:
    """The p value of pairs; 1 where they differ in nothing."""
    from scipy import stats

    pairs = pairs_of(parts)
    if all(one == other for one, other in pairs):
        return 1.0
    return float(stats.wilcoxon(*zip(*pairs, strict=True)).pvalue)


def holm(found: Sequence[float]) -> float:
    """Of the first p value, among all of them."""
    smaller = sorted(p for p in found if p <= found[0])
    return min(1.0, max((len(found) - place) * p for place, p in enumerate(smaller)))


def hypervolume(points: Sequence[Sequence[float]]) -> float:
    """By moocore; the first point is the reference."""
    import moocore

    reference, *rest = points
    return float(moocore.hypervolume(np.array(rest), ref=np.array(reference), maximise=True))


def flip_share(groups: Sequence[Sequence[float]]) -> float:
    """In percent, how often another than the best of the groups would be the best."""
    rng = np.random.default_rng(0)
    drawn = [
        np.quantile(rng.choice(np.asarray(taken), (RESAMPLES, len(taken))), 0.75, axis=1)
        for taken in groups
    ]
    best = int(np.argmax([np.quantile(taken, 0.75) for taken in groups]))
    others = [values for place, values in enumerate(drawn) if place != best]
    return 100 * float(np.mean(np.max(others, axis=0) > drawn[best])) if others else 0.0


def random_search(share: float) -> Callable[[Sequence[Part]], float | None]:
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


def noisy_regret(share: float) -> Callable[[Sequence[Part]], float]:
    """Parts are the direction, the configuration, and all that count, with their samples."""

    def made(parts: Sequence[Part]) -> float:
        direction, chosen, *every = parts
        known = tuple((p.about, tuple(numbers(p.parts))) for p in every if isinstance(p, Step))
        best, scores = resampled(known, every[0].unit, direction.value == "minimize")
        return 100 * float(np.quantile((best - scores[chosen.about]) / np.abs(best), share))

    return made


@lru_cache(maxsize=32)
def resampled(
    known: Sequence[tuple[str, tuple[float, ...]]], unit: str, smaller: bool
) -> tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]]:
    """The best score of each resample, and each configuration's."""
    sign = -1.0 if smaller else 1.0
    scores = {name: sign * values for name, values in redrawn(dict(known), unit).items()}
    return np.max(list(scores.values()), axis=0), scores


def pairs_of(parts: Sequence[Part]) -> list[tuple[float, float]]:
    """Both sides of each pair that stands together."""
    both = (numbers(part.parts) for part in parts if isinstance(part, Step))
    return [(one, other) for one, other in both]


def ahead(parts: Sequence[Part]) -> float:
    """In how many pairs the first is larger."""
    return float(sum(one > other for one, other in pairs_of(parts)))


def verdict_word(parts: Sequence[Part]) -> str | None:
    """Parts are the pairs, the noise floor, and the p value where there is one."""
    pairs, floor, *p = parts
    both = pairs_of(pairs.parts) if isinstance(pairs, Step) else []
    if not both:
        return None
    one, other = (median(side) for side in zip(*both, strict=True))
    if abs(one - other) <= at(floor) * abs(other):
        return "tie"
    if not p or at(p[0]) >= verdict.SIGNIFICANT:
        return "undecided"
    return "better" if one > other else "worse"


def share_of_way(parts: Sequence[Part]) -> float | None:
    """Of a value, the default and the optimum."""
    found, default, optimum = numbers(parts)
    share = statistics.share_of_way(found, default, optimum)
    return None if share is None else 100 * share


def floor_of(found: Sequence[float]) -> float:
    """Of ratios, after how many pairs a winner usually has."""
    drawn, *ratios = found
    return noise_floor(ratios, int(drawn))


def bits_of(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Items as numbers, 1 where the answer is right."""
    return np.array([float(item) for item in text])


def share_right(parts: Sequence[Part]) -> float:
    """In percent, of the items of one text."""
    (items,) = texts(parts)
    return 100 * items.count("1") / len(items)


def item_variance(parts: Sequence[Part]) -> float:
    """Parts stand as one configuration's items, the other's, seed by seed."""
    items = [bits_of(text) for text in texts(parts)]
    pairs = zip(items[::2], items[1::2], strict=True)
    mean = np.mean([one - other for one, other in pairs], axis=0)
    return float(mean.var()) / len(mean)


def interval_end(share: float) -> Callable[[Sequence[float]], float]:
    """An end of the bootstrap interval of a median."""

    def end(values: Sequence[float]) -> float:
        return statistics.quantile(statistics.medians(values, len(values)), share)

    return end


def quartile(place: int) -> Callable[[Sequence[float]], float]:
    """The lower (0) or upper (2) quartile, as arithmetic.estimate has it."""

    def found(values: Sequence[float]) -> float:
        return values[0] if len(values) == 1 else quantiles(values, n=4, method="inclusive")[place]

    return found
