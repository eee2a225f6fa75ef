"""Winners against the default, measured again in pairs: the verdict on each configuration, and the
machine's noise floor.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from haqa_bench.arithmetic.estimate import QUIET, Interval
from haqa_bench.report import statistics
from haqa_bench.store.database import query


class Verdict(NamedTuple):
    """How many times as good as the default a configuration is (above 1 is better), over `pairs`
    pairs; `value` is its own median.
    """

    ratio: float
    interval: Interval | None
    pairs: int
    value: float

    @property
    def better(self) -> bool:
        """Whether it beats the default: enough pairs, and the whole interval above 1."""
        return (
            self.interval is not None
            and self.pairs >= statistics.FEWEST_PAIRS
            and self.interval.low > 1
        )


class Pairs(NamedTuple):
    """All that was measured again in a run. `verdicts` by (cell, configuration); `floors` and
    `machines` by cell.
    """

    verdicts: Mapping[tuple[str, str], Verdict]
    floors: Mapping[str, float]
    machines: Mapping[str, str]


def read(folder: Path) -> Pairs:
    """The pairs of the run in `folder`. Disturbed ones are left out where a configuration has
    others.

    The floor is what the protocol may be wrong by: see `noise_floor`.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    ratios: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    machines, selves = {}, set()
    for cell, configuration, is_default, machine, ratio, value, others in query(
        folder, _sql("pairs.sql")
    ):
        ratios[cell, configuration].append((ratio, value, others))
        machines[cell] = machine
        if is_default:
            selves.add((cell, configuration))
    kept = {key: [p for p in found if p[2] <= QUIET] or found for key, found in ratios.items()}
    usual = int(
        np.median(
            [len(found) for key, found in kept.items() if key not in selves]
            or [statistics.FEWEST_PAIRS]
        )
    )
    floors = {key[0]: noise_floor([ratio for ratio, _, _ in kept[key]], usual) for key in selves}
    return Pairs(
        {key: _verdict(found) for key, found in kept.items() if key not in selves}, floors, machines
    )


def noise_floor(ratios: Sequence[float], pairs: int) -> float:
    """How far from 1 the median of so many pairs of equal things may be: 95 % of 10,000 resamples
    of `ratios` are closer.
    """
    medians = np.median(
        np.random.default_rng(0).choice(np.asarray(ratios), (10_000, pairs)), axis=1
    )
    return float(np.expm1(np.quantile(np.abs(np.log(medians)), 0.95)))


def _verdict(found: Sequence[tuple[float, float, float]]) -> Verdict:
    ratios = [ratio for ratio, _, _ in found]
    value = float(np.median([value for _, value, _ in found]))
    return Verdict(float(np.median(ratios)), statistics.median_interval(ratios), len(ratios), value)


def _sql(name: str) -> str:
    return files("haqa_bench.report").joinpath(name).read_text()
