"""The rules by which printed numbers are made: a small closed set, each one sentence and one
function. `explain` does every sum again by them.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.arithmetic.memory import MARGIN
from haqa_bench.report import statistics, verdict
from haqa_bench.report.evidence import sums
from haqa_bench.report.evidence.tree import Known, Part, Step, numbers, used
from haqa_bench.report.tables.bit_widths_notes import RESAMPLES

AGREE = 1e-9
"""How far, as a share, a sum that is done again may be from what was printed."""


class Rule(NamedTuple):
    """`sentence` says what it makes of its parts, `value` does it; None where that cannot be
    told.
    """

    sentence: str
    value: Callable[[Sequence[Part]], Known | None]


UNDISTURBED = f"samples during which other processes took at most {100 * QUIET:g} % of the machine"
RULES: Mapping[str, Rule] = {
    "median": Rule("the middle value", sums.of_numbers(median)),
    "mean": Rule("the mean", sums.of_numbers(fmean)),
    "mean of the middle half": Rule(
        "the mean of the middle half", lambda parts: statistics.interquartile_mean(numbers(parts))
    ),
    "upper quartile": Rule(
        f"the upper quartile (75th percentile) of {UNDISTURBED}", sums.of_numbers(sums.quartile(2))
    ),
    "lower quartile": Rule(
        f"the lower quartile (25th percentile) of {UNDISTURBED}", sums.of_numbers(sums.quartile(0))
    ),
    "share of hits": Rule(
        "how many of them are 1, in percent", sums.of_numbers(lambda found: 100 * fmean(found))
    ),
    "quotient": Rule("the first over the second", sums.of_two(statistics.ratio)),
    "quotient of a pair": Rule(
        "the first over the second: infinite over 0; none where both are 0, which tells nothing",
        sums.of_two(statistics.of_pair),
    ),
    "quotient in percent": Rule("the first over the second, in percent", sums.of_two(sums.percent)),
    "relative distance": Rule(
        "how far the first is from the second, in percent of the second",
        sums.of_two(sums.relative_distance),
    ),
    "change in percent": Rule(
        "the first less the second, in percent of the second", sums.of_two(sums.change)
    ),
    "difference": Rule("the first less the second", sums.of_two(lambda a, b: a - b)),
    "sum": Rule("all together", sums.of_numbers(sum)),
    "largest": Rule("the largest", sums.of_numbers(max)),
    "smallest": Rule("the smallest", sums.of_numbers(min)),
    "count": Rule("how many there are", lambda parts: float(len(used(parts)))),
    "rank from the largest": Rule(
        "one more than how many are larger than the first",
        sums.of_numbers(lambda found: 1 + sum(other > found[0] for other in found[1:])),
    ),
    "rank from the smallest": Rule(
        "one more than how many are smaller than the first",
        sums.of_numbers(lambda found: 1 + sum(other < found[0] for other in found[1:])),
    ),
    "low end of the interval": Rule(
        "the low end of the 95 % percentile bootstrap interval of the median (10,000 resamples, "
        "seed 0)",
        sums.of_numbers(sums.interval_end(0.025)),
    ),
    "high end of the interval": Rule(
        "the high end of the 95 % percentile bootstrap interval of the median (10,000 resamples, "
        "seed 0)",
        sums.of_numbers(sums.interval_end(0.975)),
    ),
    "median of random search": Rule(
        "what half of all studies of so many random draws find at least, by counting "
        "(hypergeometric)",
        sums.random_search(0.5),
    ),
    "5th percentile of random search": Rule(
        "what 95 % of all studies of so many random draws find at least, by counting",
        sums.random_search(0.05),
    ),
    "95th percentile of random search": Rule(
        "what 5 % of all studies of so many random draws find at least, by counting",
        sums.random_search(0.95),
    ),
    "low end of the noisy regret": Rule(
        "2.5th percentile, over 1,000 resamples of all samples (seed 0), of how far the first "
        "configuration is from the best, in percent",
        sums.noisy_regret(0.025),
    ),
    "high end of the noisy regret": Rule(
        "97.5th percentile, over 1,000 resamples of all samples (seed 0), of how far the first "
        "configuration is from the best, in percent",
        sums.noisy_regret(0.975),
    ),
    "share of the way": Rule(
        "how far the first has come from the second to the third, in percent", sums.share_of_way
    ),
    "pairs ahead": Rule("in how many the first is larger", sums.ahead),
    "verdict": Rule(verdict.RULE, sums.verdict_word),
    "noise floor": Rule(
        "how far from 1 the median of so many pairs is in at most 95 % of 10,000 bootstrap "
        "resamples (seed 0)",
        sums.of_numbers(sums.floor_of),
    ),
    "confirmed ratio": Rule(
        "the ratio, if the low end of its 95 % interval is above 1 and there are "
        f"{statistics.FEWEST_PAIRS} pairs or more, and it failed in none; else the default is "
        "kept, at 1",
        sums.confirmed_ratio,
    ),
    "share of pairs ahead": Rule(
        "the share of all pairs, one of each group, in which the first group's is larger; equal "
        "ones count half",
        sums.of_groups(lambda found: statistics.probability_of_improvement(found[0], found[1])),
    ),
    "Wilcoxon p": Rule("the two-sided p value of Wilcoxon's signed-rank test", sums.wilcoxon),
    "Holm p": Rule(
        "the first p value, corrected after Holm for all that were tested",
        sums.of_numbers(sums.holm),
    ),
    "hypervolume": Rule(
        "the volume that the points dominate, from the first point, the reference",
        sums.of_groups(sums.hypervolume),
    ),
    "flip probability": Rule(
        f"in how many of {RESAMPLES:,} bootstrap resamples of the samples (seed 0) another than "
        "the best one would be the best, by upper quartiles, in percent",
        sums.of_groups(sums.flip_share),
    ),
    "share of right items": Rule(
        "the share of items that are right (1), in percent", sums.share_right
    ),
    "item variance": Rule(
        "of the differences item by item, mean over seeds: their variance over their number",
        sums.item_variance,
    ),
    "standard error": Rule(
        "the root of the sum, over the number of tasks, in points",
        sums.of_numbers(lambda found: 100 * sum(found) ** 0.5 / len(found)),
    ),
    "size with margin": Rule(
        f"with a margin of {100 * MARGIN:g} %, to a whole byte",
        sums.of_numbers(lambda found: round(found[0] * (1 + MARGIN))),
    ),
    "size in MB": Rule(
        "in MB (10^6 bytes), to a tenth", sums.of_numbers(lambda found: round(found[0] / 1e6, 1))
    ),
    "group": Rule("what stands together", lambda parts: None),
    "name of the largest": Rule("the name of the largest", sums.name_of_largest),
    "first that fits": Rule("the first that fits, or none", sums.name_of_first),
    "answers": Rule("each answer, and how often where not all are alike", sums.votes),
}


def step(rule: str, about: str, parts: Sequence[Part], unit: str = "", where: str = "") -> Step:
    """The parts, and what a rule makes of them; nothing where no part counts."""
    value = RULES[rule].value(parts) if rule == "count" or _any(parts) else None
    return Step(rule, about, value, unit, parts, where)


def _any(parts: Sequence[Part]) -> bool:
    """Whether a part counts, or one of a group."""
    return bool(used(parts)) or any(
        used(p.parts) for p in parts if isinstance(p, Step) and p.rule == "group"
    )


def group(about: str, parts: Sequence[Part], where: str = "") -> Step:
    """Parts that stand together."""
    return Step("group", about, None, "", parts, where)


def same(one: Known | None, other: Known | None) -> bool:
    """Whether a sum that was done again is what was printed."""
    if isinstance(one, str | None) or isinstance(other, str | None):
        return one == other
    return one == other or abs(one - other) <= AGREE * max(abs(one), abs(other), 1e-300)
