"""What a tuning measured again in pairs of processes, as a table."""

import json
from collections.abc import Sequence
from math import inf, isfinite

import numpy as np

from haqa_bench.arithmetic.estimate import QUIET, Interval
from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report import statistics, verdict
from haqa_bench.report.found.pairs import Pair, judged
from haqa_bench.report.tables.table import (
    FROM_0,
    Column,
    Form,
    Table,
    Value,
    count,
    value,
    whole,
    words,
)
from haqa_bench.tune.shown import said

COLUMNS = (
    Column("What", role="words"),
    Column("Times the default", about="the median over pairs of how many times as good it is"),
    Column("95 % interval", about="the percentile bootstrap interval of that median"),
    Column("Pairs", role="n", about="pairs of processes, one of them with the default"),
    Column("Verdict", role="words"),
)


def table(run: Run, cell: Cell) -> Table | None:
    """The winner with the default, and the default with itself; None before the first pair that did
    not fail.
    """
    every = run.rows("pairs", Pair)
    taken, found = [pair for pair in every if not pair.failed], judged(every)
    if not taken:
        return None
    floor = found.floors.get(cell.id)
    rows: list[tuple[str, Sequence[float], str]] = [
        (said(json.loads(key), cell), ratios, found.verdicts[name, key].word(floor or 0.0))
        for (name, key), ratios in found.ratios.items()
    ]
    if own := found.own.get(cell.id):
        varies = "" if floor is None else f"varies by {100 * floor:.1f} %"
        zeros = sum(not 0 < ratio < inf for ratio in own)
        at_times = f"in {zeros} of them one side gave 0: its noise is not known" if zeros else ""
        rows.append(("default, with itself", own, varies or at_times))
    return Table(
        "Measured again, in pairs with the default",
        COLUMNS,
        [_row(*row) for row in rows],
        [
            f"Verdict: {verdict.OF_WINNERS}. The noise floor is what the default varies by.",
            *(
                f"In {count(len(reasons), 'more pairs', 'more pair')} "
                f"{said(json.loads(key), cell)} failed, so it is not better: {reasons[0]}."
                for (_, key), reasons in found.failed.items()
            ),
        ],
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
    middle = float(np.median(ratios))
    return [
        words(name),
        value(middle, Form("{number}", 3), n=len(ratios), source="measured")
        if isfinite(middle)
        else words(FROM_0),
        _ends(ends),
        whole(len(ratios)),
        words(word),
    ]


def _ends(ends: Interval | None) -> Value:
    if ends is None:
        return words("")
    if not isfinite(ends.high):
        return words(f"{ends.low:.3f} and more" if isfinite(ends.low) else FROM_0)
    return value(None, Form("{low} to {high}", 3), low=ends.low, high=ends.high)


def _each(ratios: Sequence[float]) -> str:
    return ", ".join(f"{ratio:.3f}" if isfinite(ratio) else FROM_0 for ratio in ratios)
