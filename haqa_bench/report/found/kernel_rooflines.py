"""How near a kernel's time is to what the device allows: its roofline, and the peer measured beside
it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.arithmetic.kernel_roofline import Work
from haqa_bench.project import Run
from haqa_bench.report.found.imports import imports
from haqa_bench.space import key_of


class Roof(NamedTuple):
    """A cell's work over the device's limits: GB/s and GFLOP/s, medians of `readings` taken between
    the samples of all its trials.

    `shares` has, by configuration, the share of the roofline that it reaches: the median over its
    samples, each against the limits as they were read just before it, since a shared host's memory
    is now quick, now slow.
    """

    work: Work
    bandwidth: float
    peak: float
    readings: int
    shares: Mapping[str, float]

    @property
    def least_us(self) -> float:
        """See Work."""
        return self.work.least_us(self.bandwidth, self.peak)


class _Samples(NamedTuple):
    """Of one configuration: times in us, with GB/s and GFLOP/s as read before each."""

    cell: str
    configuration: str
    times: Sequence[float]
    bandwidths: Sequence[float]
    peaks: Sequence[float]


def roofs(run: Run) -> Mapping[str, Roof]:
    """The rooflines of a run, by cell; of cells whose work is known, and whose device was measured
    beside them, by us.

    Raises:
        HaqaError: the database cannot be read.
    """
    samples: dict[str, list[_Samples]] = defaultdict(list)
    for taken in run.rows("kernel_samples", _Samples):
        samples[taken.cell].append(taken)
    found = {}
    theirs = imports(run)
    for name, of_cell in samples.items():
        cell, work = run.cells[name], None
        with run.leaving_out(cell, "asked for its work"):
            work = tracks.of(cell).work(cell)
        if work and name not in theirs:
            found[name] = _roof(work, of_cell)
    return found


def _roof(work: Work, samples: Sequence[_Samples]) -> Roof:
    bandwidths = [reading for s in samples for reading in s.bandwidths]
    peaks = [reading for s in samples for reading in s.peaks]
    shares = {
        key_of(json.loads(s.configuration)): median(
            work.least_us(b, p) / t for t, b, p in zip(s.times, s.bandwidths, s.peaks, strict=True)
        )
        for s in samples
    }
    return Roof(work, median(bandwidths), median(peaks), len(bandwidths), shares)
