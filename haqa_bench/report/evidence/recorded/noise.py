"""The noise floor of a cell: its default measured against itself."""

import numpy as np

from haqa_bench.report import statistics
from haqa_bench.report.evidence.recorded import pairs
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Part, Reading, numbers


def floor(ledger: Ledger, cell: str) -> Part | None:
    """How far from 1 the median of so many pairs of equal things may be; None where the default was
    not measured against itself.
    """
    return ledger.once(("floor", cell), lambda: _floor(ledger, cell))


def _floor(ledger: Ledger, cell: str) -> Part | None:
    default = ledger.confirmed(cell).default
    if default not in ledger.confirmed(cell).pairs:
        return None
    ratios = pairs.ratio(ledger, cell, default).parts
    drawn = Reading(_usual(ledger), "pairs", "as many as a winner usually has")
    about = "the noise floor: how far apart the default may seem to be from itself"
    return step("noise floor", about, [drawn, *ratios], "1")


def _usual(ledger: Ledger) -> int:
    """How many pairs a configuration of the run has, in the median."""
    counts = [
        len(numbers(pairs.ratio(ledger, cell, configuration).parts))
        for cell in ledger.run.cells
        for configuration in ledger.confirmed(cell).pairs
        if configuration != ledger.confirmed(cell).default
    ]
    return int(np.median(counts or [statistics.FEWEST_PAIRS]))
