"""How near a kernel's samples are to what the device allowed: each against the limits as they were
read just before it.
"""

from collections.abc import Sequence

from haqa_bench import tracks
from haqa_bench.arithmetic.kernel_roofline import Work
from haqa_bench.cell import Cell
from haqa_bench.report.evidence.recorded.ledger import Ledger, Measured, key
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Reading, Step

BANDWIDTH, PEAK = "bandwidth_gb_s", "peak_gflops"


def share(ledger: Ledger, cell: Cell, configuration: str) -> Step | None:
    """The median over a configuration's samples of the least time over the sample, in percent; None
    where the work is not known, or the device was not measured beside it.
    """
    work, found = tracks.of(cell).work(cell), _measured(ledger, cell, configuration)
    if work is None or found is None:
        return None
    taken = zip(*(m.samples for m in found), strict=True)
    shares = [_sample(work, number, sample) for number, sample in enumerate(taken, 1)]
    return step("median", "over samples", shares, "%")


def _measured(ledger: Ledger, cell: Cell, configuration: str) -> Sequence[Measured] | None:
    """Times, bandwidths and peaks of a configuration, as any trial of it has them."""
    for study in ledger.of_cell(cell.id):
        for trial in ledger.trials[study.id]:
            found = ledger.measured.get((study.id, trial.number), {})
            wanted = (study.metric, BANDWIDTH, PEAK)
            if found.keys() >= set(wanted) and key(trial.configuration) == configuration:
                return [found[name] for name in wanted]
    return None


def _sample(work: Work, number: int, sample: Sequence[float]) -> Step:
    time, bandwidth, peak = sample
    memory = step(
        "quotient",
        "reading and writing",
        [Reading(work.bytes / 1e3, "kB"), Reading(bandwidth, "GB/s", source="measured")],
        "us",
    )
    arithmetic = step(
        "quotient",
        "computing",
        [Reading(work.operations / 1e3, "kFLOP"), Reading(peak, "GFLOP/s", source="measured")],
        "us",
    )
    least = step("largest", "the least time that they allow", [memory, arithmetic], "us")
    return step("quotient in percent", f"sample {number}", [least, Reading(time, "us")], "%")
