"""What is told where no request of any configuration kept the limits that were asked for."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report.tables.table import count
from haqa_bench.tracks.serve.workload import Slo
from haqa_bench.tune import kept, shown
from haqa_bench.tune.trade import Trade

FIRST, BETWEEN = "first_token_ms_p95", "request_between_tokens_ms_p95"
"""Both of requests: 95 of 100 are within."""


class Slowest(NamedTuple):
    """The most of a metric in any repeat of a configuration."""

    number: int
    name: str
    most: float


def sentences(run: Run, rows: Sequence[Trade], cell: Cell, slo: Slo) -> list[str]:
    """That none did, the best that was seen, and limits that what came nearest about keeps; by the
    slowest repeat of each: in the quick quartile of them, fewer than 95 of 100 may be within.
    """
    asked = _said(slo.first_token_ms, slo.between_tokens_ms)
    none = (
        f"No setting that is allowed kept --slo {asked}: no request "
        f"of {count(len(rows), 'configurations', 'configuration')} did."
    )
    metrics: dict[int, dict[str, float]] = defaultdict(dict)
    for one in run.rows("slowest", Slowest):
        metrics[one.number][one.name] = one.most
    known = [row for row in rows if {FIRST, BETWEEN} <= metrics[row.number].keys()]
    if not known:
        return [none]

    def behind(row: Trade) -> float:
        """How many times as long as allowed the users of a configuration waited."""
        found = metrics[row.number]
        return max(found[FIRST] / slo.first_token_ms, found[BETWEEN] / slo.between_tokens_ms)

    first, between = (min(known, key=lambda row: metrics[row.number][m]) for m in (FIRST, BETWEEN))
    nearest = min(known, key=behind)
    near = metrics[nearest.number]
    return [
        none,
        f"The best that was seen, for 95 of 100: {metrics[first.number][FIRST]:.0f} ms until the "
        f"first token ({_name(first, cell)}), {metrics[between.number][BETWEEN]:.1f} ms from token "
        f"to token on the average ({_name(between, cell)}).",
        f"Nearest came {_name(nearest, cell)}: about 95 of 100 are within each limit, taken by "
        f"itself, of --slo {_said(kept.upwards(near[FIRST]), kept.upwards(near[BETWEEN]))}.",
    ]


def _said(first_ms: float, between_ms: float) -> str:
    """Limits as the option takes them."""
    return f"ttft={first_ms:.10g}ms,itl={between_ms:.10g}ms"


def _name(row: Trade, cell: Cell) -> str:
    configuration = json.loads(row.configuration)
    return "the default" if row.number == 0 else shown.said(configuration, cell)
