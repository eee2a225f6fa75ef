"""Winners beside the default in pairs: each pair, which of them count, and what they say."""

from collections.abc import Sequence

from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.report.evidence.ledger import Ledger, Pair, Sample
from haqa_bench.report.evidence.rules import same, step
from haqa_bench.report.evidence.tree import Part, Reading, Step
from haqa_bench.report.evidence.trials import estimated, samples


def of(ledger: Ledger, cell: str, configuration: str) -> list[Part]:
    """The pairs of a configuration, as how many times as good as the default it was: disturbed ones
    are left out where there are others.
    """
    found = [pair for pair in ledger.pairs(cell) if pair.configuration == configuration]
    found.sort(key=lambda pair: pair.number)
    quiet = any(pair.others <= QUIET for pair in found)
    return [_pair(ledger, cell, pair, quiet) for pair in found]


def _pair(ledger: Ledger, cell: str, pair: Pair, quiet: bool) -> Part:
    direction = ledger.run.cells[cell].objective.direction
    card = ledger.card(cell)
    tuned, default = (
        _side(side, card["unit"], name)
        for side, name in ((pair.tuned, "the configuration"), (pair.default, "the default"))
    )
    both = [default, tuned] if direction == "minimize" else [tuned, default]
    about = f"pair {pair.number}, {pair.date}"
    found = step("quotient", about, both, "1", pair.where)
    if pair.others <= QUIET or not quiet:
        return found
    reason = f"others took {100 * pair.others:.1f} % of the machine, more than {100 * QUIET:g} %"
    return Reading(found.value, "1", about, pair.where, False, reason, "measured")


def _side(side: Sample, unit: str, name: str) -> Part:
    """Which samples of a side were disturbed is not recorded: where not all of them count, its
    value stands alone.
    """
    made = step(estimated(unit), name, samples(side.samples, unit, source="measured"), unit)
    if same(made.value, side.value):
        return made
    about = f"{name}, of those of its {len(side.samples)} samples that nobody disturbed"
    return Reading(side.value, unit, about, source="measured")


def ratio(ledger: Ledger, cell: str, configuration: str, about: str) -> Step:
    """How many times as good as the default a configuration is: the median of its pairs."""
    return step("median", about, of(ledger, cell, configuration), "1")


def kept(ledger: Ledger, cell: str, configuration: str, about: str) -> Step:
    """The ratio of a winner that beats the default, else 1: the default is kept."""
    found = ratio(ledger, cell, configuration, "how many times as good as the default")
    low = step("low end of the interval", "the low end of its interval", found.parts, "1")
    number = step("count", "its pairs", found.parts)
    return step("confirmed ratio", about, [found, low, number], "1")


def better(winners: Sequence[Step]) -> Step:
    """How many of the winners are better than the default."""
    parts: list[Part] = [
        Reading(
            w.value,
            "1",
            w.about.partition(", its")[0],
            used=w.value != 1,
            reason="the default is kept",
        )
        for w in winners
    ]
    return step("count", "winners that are better than the default", parts)
