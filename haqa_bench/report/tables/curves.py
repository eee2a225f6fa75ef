"""Best so far and regret, against what was spent: proposals, evaluations, seconds or dollars."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from haqa_bench.project import Run
from haqa_bench.report import statistics
from haqa_bench.report.found import ranges
from haqa_bench.report.found.steps import Ledger, Step, at, steps
from haqa_bench.report.tables import random_weights
from haqa_bench.report.tables.table import Column, Form, Table, Value, value, whole, words

POINTS = 20
"""At how many amounts seconds and dollars are shown, evenly spaced by their logarithms; proposals
and evaluations at each.
"""
FORM = Form("{number}", 4, "g")


def table(run: Run, ledger: Ledger) -> Table:
    """Median and interval over studies, one row for each cell, method and amount spent.

    Studies that have nothing feasible yet, or whose dollars are unknown, are not in a row's n; one
    that has ended stays where it is.

    Raises:
        HaqaError: the database cannot be read.
    """
    found = steps(run)
    groups: dict[tuple[str, str], dict[str, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for step in found:
        groups[step.cell, step.method][step.study].append(step)
    rows = []
    for (cell, method), studies in groups.items():
        unit = run.cells[cell].objective.unit
        rows += [
            [words(cell), words(method), value(x, FORM), *_values(studies, ledger, x, unit)]
            for x in _amounts([s for s in found if s.cell == cell], ledger)
        ]
    cells = [run.cells[name] for name in dict.fromkeys(cell for cell, _ in groups)]
    interval = "Low and high: 95 % bootstrap interval of the median, from six studies on."
    bare = Table(
        title=f"Best so far against {ledger}",
        columns=_columns(ledger),
        rows=rows,
        notes=[interval, *ranges.sentences(cells)],
    )
    made = random_weights.marked(bare, run.cells, [row[0].text for row in rows])
    listed = any(cell.space.finite for cell in cells)
    return made if listed else made.only(range(len(made.columns) - 1))  # without regret, the last


def _columns(ledger: Ledger) -> list[Column]:
    names = ("Median best", "Low", "High", "Median regret")
    return [
        Column("Cell", role="key", place="heading"),
        Column("Method", role="key"),
        Column(ledger.capitalize(), role="key"),
        Column("n", role="n"),
        *(Column(name) for name in names),
    ]


def _amounts(found: Sequence[Step], ledger: Ledger) -> list[float]:
    spent = [x for s in found if (x := s.spent(ledger)) is not None]
    if not spent:
        return []
    if ledger in ("proposals", "evaluations"):
        return list(range(1, int(max(spent)) + 1))
    least = min((x for x in spent if x > 0), default=None)
    return [0.0] if least is None else list(map(float, np.geomspace(least, max(spent), POINTS)))


def _values(
    studies: Mapping[str, Sequence[Step]], ledger: Ledger, amount: float, unit: str
) -> list[Value]:
    reached = [at(found, ledger, amount) for found in studies.values()]
    best = [r.best for r in reached if r is not None and r.best is not None]
    regrets = [
        r.regret for r in reached if r is not None and r.best is not None and r.regret is not None
    ]
    interval = statistics.median_interval(best)
    return [
        whole(len(best)),
        _shown(float(np.median(best)) if best else None, unit),
        _shown(interval.low if interval else None, unit),
        _shown(interval.high if interval else None, unit),
        _shown(float(np.median(regrets)) if regrets else None, "1"),
    ]


def _shown(number: float | None, unit: str) -> Value:
    return words("") if number is None else value(number, FORM, unit=unit)
