"""Does a sum of `haqa-bench explain --json` again, with numpy and scipy alone: nothing here is of
the package, so that a rule that is wrong there is found.
"""

from functools import cache
from itertools import pairwise, product

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

FEWEST_PAIRS = 6
RESAMPLES = 10_000


def again(tree: dict) -> float | str | None:
    """The value of a tree: a reading as it is recorded, a step from its parts."""
    if "rule" not in tree:
        return tree["value"]
    kept = [part for part in tree["parts"] if part.get("used", True)]
    if tree["rule"] in OF_PARTS:
        return OF_PARTS[tree["rule"]](kept, tree["parts"])
    known = [value for part in kept if (value := again(part)) is not None]
    return OF_VALUES[tree["rule"]](known) if known else None


def groups(parts: list[dict]) -> list[list[float]]:
    """The values of each group of parts."""
    return [
        [v for part in group["parts"] if part.get("used", True) and (v := again(part)) is not None]
        for group in parts
        if "rule" in group
    ]


def _end(share):
    def found(values):
        drawn = np.random.default_rng(0).choice(np.array(values, float), (RESAMPLES, len(values)))
        return np.quantile(np.median(drawn, axis=1), share)

    return found


def _floor(values):
    ratios = np.array(values[1:], float)
    drawn = np.random.default_rng(0).choice(ratios, (RESAMPLES, int(values[0])))
    return np.exp(np.quantile(np.abs(np.log(np.median(drawn, axis=1))), 0.95)) - 1


def _random(share):
    """The first value, from the best on, that more than 1 - share of all studies reach."""

    def found(parts, every):
        (draws, others), default, values = groups(every)
        sign = 1 if every[0]["value"] == "maximize" else -1
        scores = sorted({sign * v for v in [*values, *default]}, reverse=True)
        for score in scores:
            good = sum(sign * v >= score for v in values)
            missed = stats.hypergeom.pmf(0, int(others), good, int(draws))
            if [sign * v for v in default] == [score] or 1 - missed > 1 - share + 1e-12:
                return sign * score
        return None

    return found


def _noisy(share):
    def found(parts, every):
        direction, chosen, *rest = every
        known = tuple((p["about"], tuple(groups([p])[0])) for p in rest)
        best, scores = _redrawn(known, rest[0]["rule"], direction["value"] == "minimize")
        return 100 * np.quantile((best - scores[chosen["about"]]) / abs(best), share)

    return found


@cache
def _redrawn(known, rule, smaller):
    """A thousand times the samples of each, drawn anew, those with as many at once."""
    rng, scores, quantile = np.random.default_rng(0), {}, OF_VALUES[rule]
    at = {"upper quartile": 0.75, "lower quartile": 0.25, "median": 0.5}[rule]
    assert quantile([1.0, 2.0]) == 1 + at
    for length in sorted({len(samples) for _, samples in known}):
        names = [name for name, samples in known if len(samples) == length]
        taken = np.sort(np.array([dict(known)[name] for name in names]), axis=1)
        places = rng.integers(0, length, (len(names), 1000, length), np.uint16)
        for name, samples, drawn in zip(names, taken, places, strict=True):
            values = np.quantile(samples[np.sort(drawn, axis=1)], at, axis=1)
            scores[name] = -values if smaller else values
    return np.max(list(scores.values()), axis=0), scores


def _confirmed(parts, every):
    ratio, low, pairs = map(again, every)
    return ratio if low is not None and low > 1 and pairs >= FEWEST_PAIRS else 1.0


def _ahead(parts, every):
    ours, theirs = map(np.array, groups(parts))
    return np.mean([(a > b) + (a == b) / 2 for a, b in product(ours, theirs)])


def _wilcoxon(parts, every):
    ours, theirs = zip(*groups(parts), strict=True)
    return 1.0 if ours == theirs else stats.wilcoxon(ours, theirs).pvalue


def _volume(parts, every):
    """Each box between neighbouring coordinates counts where a point dominates its centre."""
    corners = np.array(groups(parts))
    points = np.maximum(corners, corners[0])
    axes = [np.unique(points[:, i]) for i in range(points.shape[1])]
    sides = [[(high + low, high - low) for low, high in pairwise(axis)] for axis in axes]
    boxes = [zip(*box, strict=True) for box in product(*sides)]
    return sum(
        np.prod(size)
        for centre, size in boxes
        if (points >= np.array(centre) / 2).all(axis=1).any()
    )


def _flips(parts, every):
    rng = np.random.default_rng(0)
    taken = groups(parts)
    drawn = [np.quantile(rng.choice(np.array(s), (RESAMPLES, len(s))), 0.75, axis=1) for s in taken]
    best = max(range(len(taken)), key=lambda i: np.quantile(taken[i], 0.75))
    others = [values for i, values in enumerate(drawn) if i != best]
    return 100 * np.mean(np.max(others, axis=0) > drawn[best]) if others else 0.0


def _item_variance(items):
    bits = np.array([list(text) for text in items], float)
    differences = (bits[::2] - bits[1::2]).mean(axis=0)
    return differences.var() / differences.size


def _verdict(parts, every):
    pairs, floor, *p = every
    ours, theirs = map(np.median, zip(*groups(pairs["parts"]), strict=True))
    if abs(ours - theirs) <= again(floor) * abs(theirs):
        return "tie"
    if not p or again(p[0]) >= 0.05:
        return "undecided"
    return "better" if ours > theirs else "worse"


def _answers(words):
    counts = {word: words.count(word) for word in words}
    ordered = sorted(counts, key=counts.get, reverse=True)
    return words[0] if len(counts) == 1 else ", ".join(f"{counts[w]} {w}" for w in ordered)


OF_VALUES = {
    "median": np.median,
    "mean": np.mean,
    "mean of the middle half": lambda v: stats.trim_mean(v, 0.25) if len(v) > 5 else None,
    "upper quartile": lambda v: np.quantile(v, 0.75),
    "lower quartile": lambda v: np.quantile(v, 0.25),
    "share of hits": lambda v: 100 * np.sum(v) / len(v),
    "quotient": lambda v: v[0] / v[1],
    "quotient of a pair": lambda v: v[0] / v[1],
    "quotient in percent": lambda v: 100 * v[0] / v[1],
    "relative distance": lambda v: 100 * abs(v[0] - v[1]) / abs(v[1]),
    "change in percent": lambda v: 100 * (v[0] - v[1]) / v[1],
    "difference": lambda v: v[0] - v[1],
    "sum": np.sum,
    "largest": np.max,
    "smallest": np.min,
    "share of the way": lambda v: 100 * (v[0] - v[1]) / (v[2] - v[1]),
    "rank from the largest": lambda v: 1 + np.sum(np.array(v[1:]) > v[0] * (1 + 1e-12)),
    "rank from the smallest": lambda v: 1 + np.sum(np.array(v[1:]) < v[0] * (1 - 1e-12)),
    "low end of the interval": _end(0.025),
    "high end of the interval": _end(0.975),
    "noise floor": _floor,
    "Holm p": lambda v: multipletests(v, method="holm")[1][0],
    "share of right items": lambda v: 100 * v[0].count("1") / len(v[0]),
    "item variance": _item_variance,
    "standard error": lambda v: 100 * np.sqrt(np.sum(v)) / len(v),
    "size with margin": lambda v: round(v[0] * 1.05),
    "size in MB": lambda v: round(v[0] / 1e6, 1),
    "answers": _answers,
}
OF_PARTS = {
    "count": lambda parts, every: len([p for p in parts if again(p) is not None]),
    "confirmed ratio": _confirmed,
    "median of random search": _random(0.5),
    "5th percentile of random search": _random(0.05),
    "95th percentile of random search": _random(0.95),
    "low end of the noisy regret": _noisy(0.025),
    "high end of the noisy regret": _noisy(0.975),
    "share of pairs ahead": _ahead,
    "pairs ahead": lambda parts, every: sum(a > b for a, b in groups(every)),
    "Wilcoxon p": _wilcoxon,
    "hypervolume": _volume,
    "flip probability": _flips,
    "verdict": _verdict,
    "first that fits": lambda parts, every: parts[0]["about"] if parts else "none",
    "name of the largest": lambda parts, every: max(parts, key=again)["about"],
    "group": lambda parts, every: None,
}
