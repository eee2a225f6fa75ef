"""The one place that says that something is better.

A verdict compares the studies of a method with those of another on a cell, paired over seeds. It is
a tie where the medians are no further apart than the machine's noise floor; better or worse where
at least six pairs were made and a test over all comparisons says so; else undecided. Notes,
`compare`, `diff`, the page and figures all print these words, and no others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple, TypeVar

from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.report import statistics
from haqa_bench.report.found.studies import StudyResult, grouped

Word = Literal["better", "worse", "tie", "undecided"]
Key = TypeVar("Key")
SIGNIFICANT = 0.05
LEAST_P = 0.001
"""Below which no more is said of a p value."""
RULE = (
    "tie: the medians are within the noise floor, or equal where none was measured; better, worse: "
    f"p < {SIGNIFICANT} (Wilcoxon signed-rank, paired over seeds, Holm-corrected over all "
    f"comparisons of the run), never below {statistics.FEWEST_PAIRS} pairs; else undecided"
)

OF_WINNERS = (
    "better, worse: the whole 95 % interval of its pairs is above or below 1, never below "
    f"{statistics.FEWEST_PAIRS} pairs; tie: within the noise floor, or the default itself; else "
    "undecided"
)
"""The rule of the word on a winner against the default."""


class Pairing(NamedTuple):
    """What is compared: scores, larger is better, of the same seeds; and the noise floor, a share
    of the other's median, 0 where none was measured.
    """

    ours: Sequence[float]
    theirs: Sequence[float]
    floor: float = 0.0

    @property
    def ahead(self) -> int:
        """In how many pairs ours is the better one."""
        return sum(one > other for one, other in zip(self.ours, self.theirs, strict=True))

    @property
    def tied(self) -> bool:
        """Whether the medians are no further apart than noise."""
        one, other = median(self.ours), median(self.theirs)
        return abs(one - other) <= self.floor * abs(other)


class Verdict(NamedTuple):
    """A word, in how many of `n` pairs the first is ahead, and the corrected p value; None where
    there are too few for a test.
    """

    word: Word
    ahead: int
    n: int
    p: float | None

    def __str__(self) -> str:
        if self.word == "undecided":
            return f"ahead in {self.ahead} of {self.n}, undecided (n = {self.n})"
        if self.word == "tie" or self.p is None:
            return f"{self.word} (n = {self.n})"
        return f"{self.word} ({told_p(self.p)}, n = {self.n})"


def told_p(p: float) -> str:
    """A p value in words."""
    return f"p = {p:.3f}" if p >= LEAST_P else f"p < {LEAST_P}"


def of_ratio(ratio: float, interval: Interval | None, floor: float) -> Word:
    """The word on a configuration that is `ratio` times as good as the default (above 1 is better),
    with the 95 % interval of its pairs, if there are enough, and the noise floor, as a share.
    """
    if interval and interval.low > 1:
        return "better"
    if interval and interval.high < 1:
        return "worse"
    near = ratio > 0 and max(ratio, 1 / ratio) - 1 <= floor
    return "tie" if near else "undecided"


def judged(pairings: Mapping[Key, Pairing]) -> dict[Key, Verdict]:
    """The verdict on each, tested together; none on what has no pair."""
    known = {key: found for key, found in pairings.items() if found.ours}
    tests = statistics.holm(
        {key: list(zip(p.ours, p.theirs, strict=True)) for key, p in known.items()}
    )
    return {key: _verdict(pairing, tests[key]) for key, pairing in known.items()}


def against(
    found: Sequence[StudyResult], other: str, floors: Mapping[str, float]
) -> dict[tuple[str, str], Verdict]:
    """The verdict on each method against another, by cell and method; `floors` by cell."""
    pairings: dict[tuple[str, str], Pairing] = {}
    for cell, methods in grouped(found).items():
        reference = _by_seed(methods.get(other, ()))
        for name, rows in methods.items():
            if name != other:
                pairings[cell, name] = paired(_by_seed(rows), reference, floors.get(cell, 0.0))
    return judged(pairings)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float], floor: float) -> Pairing:
    """Two methods' scores, by seed, over the seeds that both have."""
    seeds = sorted(ours.keys() & theirs.keys())
    return Pairing([ours[s] for s in seeds], [theirs[s] for s in seeds], floor)


def counted(verdicts: Iterable[Verdict]) -> str:
    """How often each word was said."""
    words = Counter(verdict.word for verdict in verdicts)
    return ", ".join(f"{word} on {count}" for word, count in words.most_common())


def _by_seed(rows: Sequence[StudyResult]) -> dict[int, float]:
    return {row.seed: row.best for row in rows if row.best is not None}


def _verdict(found: Pairing, p: float | None) -> Verdict:
    def said(word: Word) -> Verdict:
        return Verdict(word, found.ahead, len(found.ours), p)

    if found.tied:
        return said("tie")
    if p is None or p >= SIGNIFICANT:
        return said("undecided")
    return said("better" if median(found.ours) > median(found.theirs) else "worse")
