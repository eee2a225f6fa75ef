"""Best so far and regret, against what was spent: proposals, evaluations, seconds or dollars."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from haqa_bench.report import statistics
from haqa_bench.report.table import Table
from haqa_bench.store.database import query

Ledger = Literal["proposals", "evaluations", "seconds", "dollars"]
POINTS = 20
"""At how many amounts seconds and dollars are shown, evenly spaced by their logarithms; proposals
and evaluations at each.
"""


class Step(NamedTuple):
    """A study after one trial: what it had spent, and the best value and regret so far (None before
    the first feasible trial).
    """

    cell: str
    method: str
    study: str
    proposals: int
    evaluations: int
    seconds: float
    dollars: float | None
    best: float | None
    regret: float | None


def table(folder: Path, ledger: Ledger) -> Table:
    """Median and interval over studies, one row for each cell, method and amount spent.

    Studies that have nothing feasible yet, or whose dollars are unknown, are not in a row's n; one
    that has ended stays where it is.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    found = steps(folder)
    groups: dict[tuple[str, str], dict[str, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for step in found:
        groups[step.cell, step.method][step.study].append(step)
    rows = []
    for (cell, method), studies in groups.items():
        rows += [
            [cell, method, _digits(x), *_row(studies, ledger, x)]
            for x in _amounts(found, cell, ledger)
        ]
    return Table(
        title=f"Best so far against {ledger}",
        headings=[
            "Cell",
            "Method",
            ledger.capitalize(),
            "n",
            "Median best",
            "Low",
            "High",
            "Median regret",
        ],
        cells=rows,
        notes=["Low and high: 95 % bootstrap interval of the median, from three studies on."],
    )


def steps(folder: Path) -> list[Step]:
    """Every study of the run in `folder` after each of its trials, in order.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    return [
        Step(*row)
        for row in query(folder, files("haqa_bench.report").joinpath("curves.sql").read_text())
    ]


def at(steps: Sequence[Step], ledger: Ledger, amount: float) -> Step | None:
    """The last of a study's steps that had spent no more than `amount`."""
    within = [s for s in steps if (x := getattr(s, ledger)) is not None and x <= amount]
    return within[-1] if within else None


def _amounts(steps: Sequence[Step], cell: str, ledger: Ledger) -> list[float]:
    spent = [x for s in steps if s.cell == cell and (x := getattr(s, ledger)) is not None]
    if not spent:
        return []
    if ledger in ("proposals", "evaluations"):
        return list(range(1, int(max(spent)) + 1))
    least = min((x for x in spent if x > 0), default=None)
    return [0.0] if least is None else list(np.geomspace(least, max(spent), POINTS))


def _row(studies: Mapping[str, Sequence[Step]], ledger: Ledger, amount: float) -> list[str]:
    reached = [
        r
        for steps in studies.values()
        if (r := at(steps, ledger, amount)) is not None and r.best is not None
    ]
    best = [r.best for r in reached if r.best is not None]
    regrets = [r.regret for r in reached if r.regret is not None]
    interval = statistics.median_interval(best)
    return [
        str(len(best)),
        f"{np.median(best):.4g}" if best else "",
        f"{interval.low:.4g}" if interval else "",
        f"{interval.high:.4g}" if interval else "",
        f"{np.median(regrets):.4g}" if regrets else "",
    ]


def _digits(amount: float) -> str:
    return f"{amount:.4g}"
