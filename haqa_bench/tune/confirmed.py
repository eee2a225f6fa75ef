"""What a tuning measured again in pairs of processes, as a table."""

import json
from collections.abc import Sequence

import numpy as np

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report import statistics, verdict
from haqa_bench.report.found.pairs import Pair, judged
from haqa_bench.report.tables.table import Column, Form, Table, Value, value, whole, words
from haqa_bench.tune.shown import said

COLUMNS = (
    Column("What", role="words"),
    Column("Times the default", about="the median over pairs of how many times as good it is"),
    Column("95 % interval", about="the percentile bootstrap interval of that median"),
    Column("Pairs", role="n", about="pairs of processes, one of them with the default"),
    Column("Verdict", role="words"),
)


def table(run: Run, cell: Cell) -> Table | None:
    """The winner with the default, and the default with itself; None before the first pair."""
    taken = run.rows("pairs", Pair)
    if not taken:
        return None
    found = judged(taken)
    floor = found.floors.get(cell.id)
    tuned = [
        (said(json.loads(key), cell), ratios, found.verdicts[name, key].word(floor or 0.0))
        for (name, key), ratios in found.ratios.items()
    ]
    own = [pair.ratio for pair in taken if pair.is_default]
    varies = "" if floor is None else f"varies by {100 * floor:.1f} %"
    rows = [*tuned, *([("default, with itself", own, varies)] if own else [])]
    return Table(
        "Measured again, in pairs with the default",
        COLUMNS,
        [_row(*row) for row in rows],
        [f"Verdict: {verdict.OF_WINNERS}.", "The noise floor is what the default varies by."],
        details=[f"Each pair of {name}: {_each(ratios)}." for name, ratios, _ in rows],
    )


def _row(name: str, ratios: Sequence[float], word: str) -> list[Value]:
    ends = statistics.median_interval(ratios)
    form = Form("{low} to {high}", 3)
    return [
        words(name),
        value(float(np.median(ratios)), Form("{number}", 3), n=len(ratios), source="measured"),
        value(None, form, low=ends.low, high=ends.high) if ends else words(""),
        whole(len(ratios)),
        words(word),
    ]


def _each(ratios: Sequence[float]) -> str:
    return ", ".join(f"{ratio:.3f}" for ratio in ratios)
