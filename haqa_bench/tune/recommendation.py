"""What a tuning recommends: the winner where pairs of processes confirm it, else llama.cpp's
default, and how to start either.
"""

import json
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.project import Run
from haqa_bench.report.found.best import best
from haqa_bench.report.found.pairs import pairs
from haqa_bench.space import Configuration, key_of


class Recommendation(NamedTuple):
    """The settings to use, in full; the gain over llama.cpp's default that tuning saw, and that
    pairs of processes measured.
    """

    configuration: Configuration
    kept_default: bool
    metric: str
    unit: str
    default: float
    found: float
    gain: float
    confirmed_gain: float | None
    interval: tuple[float, float] | None
    pairs: int
    noise_floor: float | None


class Default(NamedTuple):
    """What became of the default configuration."""

    status: str
    reason: str


def of_run(run: Run, cell: Cell) -> Recommendation:
    """The recommendation of a run of one study.

    Raises:
        HaqaError: the default itself could not be measured, so that
        nothing can be compared with it.
    """
    row, again = best(run)[0], pairs(run)
    if row.default_value is None:
        (default,) = run.rows("default", Default)
        raise HaqaError(
            "the default configuration",
            f"could not be measured: {default.status}: {default.reason}",
            "Mend that first",
        )
    tuned = json.loads(row.winners[0]) if row.winners else dict(cell.space.default)
    verdict = again.verdicts.get((cell.id, key_of(tuned)))
    kept = verdict is None or not verdict.better
    return Recommendation(
        configuration=dict(cell.space.default) if kept else tuned,
        kept_default=kept,
        metric=row.metric,
        unit=row.unit,
        default=row.default_value,
        found=row.default_value if row.best is None else row.best,
        gain=1.0 if row.speed_up is None else row.speed_up,
        confirmed_gain=verdict.ratio if verdict else None,
        interval=(verdict.interval.low, verdict.interval.high)
        if verdict and verdict.interval
        else None,
        pairs=verdict.pairs if verdict else 0,
        noise_floor=again.floors.get(cell.id),
    )
