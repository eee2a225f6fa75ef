"""Winners beside the default in pairs: each pair, which of them count, and what they say."""

from collections.abc import Sequence

from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.report.evidence.recorded.confirmed import Pair, Side
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.evidence.recorded.trials import estimated, samples
from haqa_bench.report.evidence.rules import same, step
from haqa_bench.report.evidence.tree import Part, Reading, Step
from haqa_bench.report.statistics import FEWEST_PAIRS


def ratio(ledger: Ledger, cell: str, configuration: str) -> Step:
    """How many times as good as the default a configuration is: the median of its pairs, without
    disturbed ones where there are enough others.
    """
    return ledger.once(("pairs", cell, configuration), lambda: _ratio(ledger, cell, configuration))


def _ratio(ledger: Ledger, cell: str, configuration: str) -> Step:
    found = ledger.confirmed(cell)
    pairs = found.pairs.get(configuration, ())
    quiet = sum(pair.others <= QUIET for pair in pairs) >= FEWEST_PAIRS
    smaller = ledger.run.cells[cell].objective.direction == "minimize"
    parts = [_pair(pair, found.unit, smaller, quiet) for pair in pairs]
    return step("median", "how many times as good as the default", parts, "1")


def _pair(pair: Pair, unit: str, smaller: bool, quiet: bool) -> Part:
    tuned = _side(pair.tuned, unit, "the configuration")
    default = _side(pair.default, unit, "the default")
    about = f"pair {pair.number}, {pair.date}"
    both = [default, tuned] if smaller else [tuned, default]
    found = step("quotient of a pair", about, both, "1", pair.where)
    if pair.others <= QUIET or not quiet:
        return found
    reason = f"others took {100 * pair.others:.1f} % of the machine, more than {100 * QUIET:g} %"
    return Reading(found.value, "1", about, pair.where, False, reason, "measured")


def _side(side: Side, unit: str, name: str) -> Part:
    """Which samples of a side were disturbed is not recorded: where not all of them count, its
    value stands alone.
    """
    made = step(estimated(unit), name, samples(side.samples, unit, source="measured"), unit)
    if same(made.value, side.value):
        return made
    about = f"{name}, of those of its {len(side.samples)} samples that nobody disturbed"
    return Reading(side.value, unit, about, source="measured")


def kept(ledger: Ledger, cell: str, configuration: str, about: str) -> Step:
    """The ratio of a winner that beats the default, else 1: the default is kept."""
    return ledger.once(
        ("kept", cell, configuration), lambda: _kept(ledger, cell, configuration)
    )._replace(about=about)


def _kept(ledger: Ledger, cell: str, configuration: str) -> Step:
    found = ratio(ledger, cell, configuration)
    low = step("low end of the interval", "the low end of its interval", found.parts, "1")
    number = step("count", "its pairs", found.parts)
    failed = ledger.confirmed(cell).failed.get(configuration, 0)
    more = [Reading(float(failed), "1", "pairs in which it failed")] if failed else []
    return step("confirmed ratio", "", [found, low, number, *more], "1")


def better(winners: Sequence[Step]) -> Step:
    """How many of the winners are better than the default."""
    parts: list[Part] = [
        Reading(
            winner.value,
            "1",
            winner.about.partition(", its")[0],
            used=winner.value != 1,
            reason="the default is kept",
        )
        for winner in winners
    ]
    return step("count", "winners that are better than the default", parts)
