"""Cells with several goals: how much of the front each study found, as hypervolume (Zitzler and Thiele, 1998), by moocore.

The reference point is the worst that any study of the cell found in each goal, and the whole is what all studies together dominate.
"""

from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haqa_bench.report import statistics
from haqa_bench.report.table import Table
from haqa_bench.store.database import query

Floats = NDArray[np.float64]


def tables(folder: Path) -> list[Table]:
    """One table, or none where no cell of the run has several goals.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    found = query(folder, files("haqa_bench.report").joinpath("fronts.sql").read_text())
    cells: dict[str, dict[str, dict[str, list[list[float]]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for cell, method, study, scores in found:
        cells[cell][method][study].append(scores)
    rows = []
    for cell, methods in cells.items():
        every = np.array([s for studies in methods.values() for scores in studies.values() for s in scores])
        rows += [_row(cell, method, [_share(np.array(s), every) for s in studies.values()]) for method, studies in methods.items()]
    if not rows:
        return []
    note = "Hypervolume: what a study's feasible trials dominate, of what all studies of the cell together do, from the worst of each goal."
    return [Table("Fronts of several goals", ["Cell", "Method", "n", "Median hypervolume", "95 % interval"], rows, [note])]


def _share(scores: Floats, every: Floats) -> float:
    import moocore

    worst = every.min(axis=0)
    whole = moocore.hypervolume(every, ref=worst, maximise=True)
    return float(moocore.hypervolume(scores, ref=worst, maximise=True) / whole) if whole else 1.0


def _row(cell: str, method: str, shares: list[float]) -> list[str]:
    interval = statistics.median_interval(shares)
    between = f"{100 * interval.low:.1f} % to {100 * interval.high:.1f} %" if interval else ""
    return [cell, method, str(len(shares)), f"{100 * np.median(shares):.1f} %", between]
