"""How near a kernel's time is to what the device allows: its roofline, and the peer measured beside
it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import NamedTuple

from haqa_bench.arithmetic.kernel_roofline import Work, work
from haqa_bench.report.pairs import Pairs, Verdict
from haqa_bench.space import key_of
from haqa_bench.store.database import query, suite_of
from haqa_bench.tracks.kernel.track import GGML
from haqa_bench.tracks.kernel.workload import KernelWorkload

PEER = GGML.key


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


def read(folder: Path) -> Mapping[str, Roof]:
    """The rooflines of the run in `folder`, by cell; of kernels whose device was measured beside
    them.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    samples: dict[str, dict[str, Samples]] = defaultdict(dict)
    for cell, configuration, *found in query(
        folder, files("haqa_bench.report").joinpath("roofs.sql").read_text()
    ):
        samples[cell][key_of(json.loads(configuration))] = Samples(*found)
    return {
        cell.id: _roof(
            work(cell.workload.kernel, cell.bit_width, cell.workload.sizes), samples[cell.id]
        )
        for cell in (suite_of(folder).cells if samples else ())
        if isinstance(cell.workload, KernelWorkload) and cell.id in samples
    }


class Samples(NamedTuple):
    """Of one configuration: times in us, with GB/s and GFLOP/s as read before each."""

    times: Sequence[float]
    bandwidths: Sequence[float]
    peaks: Sequence[float]


def _roof(needs: Work, samples: Mapping[str, Samples]) -> Roof:
    bandwidths = [reading for s in samples.values() for reading in s.bandwidths]
    peaks = [reading for s in samples.values() for reading in s.peaks]
    shares = {
        key: median(needs.least_us(b, p) / t for t, b, p in zip(*s, strict=True))
        for key, s in samples.items()
    }
    return Roof(needs, median(bandwidths), median(peaks), len(bandwidths), shares)


def notes(known: Mapping[str, Roof], cells: Iterable[str], again: Pairs) -> list[str]:
    """What to know of the columns, and each cell's figures."""
    shown = {cell: known[cell] for cell in dict.fromkeys(cells) if cell in known}
    peers = {cell: again.verdicts[cell, PEER] for cell in shown if (cell, PEER) in again.verdicts}
    if not shown:
        return []
    return [
        "Of roofline: the least time that bandwidth and peak, as read just before each sample, allow, of that sample's; median over "
        "samples, then studies. Over 100 %: what is written may stay in a cache, or reading alone does not reach all that memory gives.",
        "Against ggml: how many times as fast as ggml's own kernel on the same inputs, both in pairs with the default.",
        *(_told(cell, roof, peers.get(cell)) for cell, roof in shown.items()),
    ]


def _told(cell: str, roof: Roof, peer: Verdict | None) -> str:
    bound = roof.work.bound(roof.bandwidth, roof.peak)
    ggml = f"; ggml takes {peer.value:.1f} us (median of {peer.pairs} pairs)" if peer else ""
    return (
        f"{cell}: {roof.work.bytes / 1e6:.3g} MB and {roof.work.operations / 1e6:.4g} million operations, at {roof.bandwidth:.1f} GB/s and "
        f"{roof.peak:.0f} GFLOP/s (n = {roof.readings} readings) at least {roof.least_us:.1f} us, bound by {bound}{ggml}."
    )
