"""How near a kernel's time is to what the device allows: its roofline, and the peer measured beside it."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from haqa_bench.backends.opencl.roofline import Work, work
from haqa_bench.evaluators.kernel import GGML
from haqa_bench.report.pairs import Pairs, Verdict
from haqa_bench.space import key_of
from haqa_bench.store.database import query, suite_of
from haqa_bench.suite import KernelWorkload

PEER = key_of(GGML)


class Roof(NamedTuple):
    """A cell's work over the device's limits: GB/s and GFLOP/s, medians of `readings` taken between the samples of all its trials."""

    work: Work
    bandwidth: float
    peak: float
    readings: int

    @property
    def least_us(self) -> float:
        """See Work."""
        return self.work.least_us(self.bandwidth, self.peak)


def read(folder: Path) -> Mapping[str, Roof]:
    """The rooflines of the run in `folder`, by cell; of kernels whose device was measured beside them.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    limits = {cell: found for cell, *found in query(folder, files("haqa_bench.report").joinpath("roofs.sql").read_text())}
    return {
        cell.id: Roof(work(cell.workload.kernel, cell.bit_width, cell.workload.sizes), *limits[cell.id])
        for cell in (suite_of(folder).cells if limits else ())
        if isinstance(cell.workload, KernelWorkload) and cell.id in limits
    }


def notes(known: Mapping[str, Roof], cells: Iterable[str], again: Pairs) -> list[str]:
    """What to know of the columns, and each cell's figures."""
    shown = {cell: known[cell] for cell in dict.fromkeys(cells) if cell in known}
    peers = {cell: again.verdicts[cell, PEER] for cell in shown if (cell, PEER) in again.verdicts}
    if not shown:
        return []
    return [
        "Of roofline: the least time that the device's measured bandwidth and peak allow, of the time found.",
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
