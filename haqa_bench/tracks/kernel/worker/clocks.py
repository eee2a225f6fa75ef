"""Whether the times that a sandbox tells can be believed: a clock outside it runs too.

What the device says of a launch, and how long it took until the answer was here, differ by an
overhead. That is measured before any foreign code is in the sandbox, with kernels of our own. A
time that leaves much more unexplained is contradicted.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from haqa_bench.tracks.kernel.worker.session import Ran

LEAST_US = 300.0
"""Slack that is always given: what a scheduler may take now and then."""
SHARE = 0.15
"""Slack as a share of the time that was told."""
SPREADS = 4.0
COLDER = 0.5
"""A launch after the caches were emptied takes at least this share of one in a batch."""


class Overhead(NamedTuple):
    """What passes between the clocks of both sides, in microseconds: as a rule, and how much
    longer it takes at most, where nothing is wrong.
    """

    usual_us: float
    spread_us: float

    def beyond(self, ran: Ran) -> float:
        """What neither the told times nor the usual overhead explain."""
        return ran.elapsed_us - sum(ran.told_us) - self.usual_us

    def slack(self, ran: Ran) -> float:
        """What may be beyond, of an honest kernel."""
        return max(LEAST_US, SPREADS * self.spread_us, SHARE * sum(ran.told_us))

    def contradicts(self, ran: Ran) -> bool:
        """Whether the clock here contradicts what was told."""
        return self.beyond(ran) > self.slack(ran)


def overhead(found: Sequence[Ran]) -> Overhead:
    """From launches that tell the truth; the longest quarter is others' doing."""
    gaps = sorted(ran.elapsed_us - sum(ran.told_us) for ran in found)
    usual = median(gaps)
    return Overhead(usual, gaps[len(gaps) * 3 // 4] - usual)


def doubt(times_us: Sequence[float], batches: Sequence[Ran], usual: Overhead) -> str:
    """Why the told times cannot be believed, by batches of launches that were timed as one; nothing
    where they can.
    """
    if not batches:
        return ""
    best = min(batches, key=usual.beyond)
    count = len(best.told_us)
    if usual.contradicts(best):
        took = best.elapsed_us - usual.usual_us
        return f"{count} launches told {sum(best.told_us):.0f} us, and took {took:.0f} us"
    least = (best.elapsed_us - usual.usual_us - usual.slack(best)) / count
    if median(times_us) < COLDER * least:
        told = median(times_us)
        return f"a launch told {told:.0f} us, and takes {least:.0f} us or more among others"
    return ""
