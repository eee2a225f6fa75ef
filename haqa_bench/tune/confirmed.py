"""What a tuning measured again in pairs of processes, as a table."""

import json
from collections.abc import Sequence

import numpy as np

from haqa_bench.arithmetic.estimate import QUIET
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
    floor = found.floors.get(cell.id, 0.0)
    rows: list[tuple[str, Sequence[float], str]] = [
        (said(json.loads(key), cell), ratios, found.verdicts[name, key].word(floor))
        for (name, key), ratios in found.ratios.items()
    ]
    if own := found.own.get(cell.id):
        rows.append(("default, with itself", own, f"varies by {100 * floor:.1f} %"))
    return Table(
        "Measured again, in pairs with the default",
        COLUMNS,
        [_row(*row) for row in rows],
        [f"Verdict: {verdict.OF_WINNERS}. The noise floor is what the default varies by."],
        details=[
            *_disturbed(taken),
            *(f"Each pair of {name}: {_each(ratios)}." for name, ratios, _ in rows),
        ],
    )


def _disturbed(taken: Sequence[Pair]) -> list[str]:
    many = sum(pair.others > QUIET for pair in taken)
    told = f"In {many} of {len(taken)} pairs something else used the machine"
    return [f"{told}; they are left out where a configuration has others."] if many else []


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
