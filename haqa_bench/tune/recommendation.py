"""What a tuning recommends: the winner where pairs of processes confirm it, else llama.cpp's default, and how to start either."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from haqa_bench.evaluators.deploy import DEFAULTS
from haqa_bench.report import best, pairs
from haqa_bench.space import Configuration, key_of
from haqa_bench.suite import Cell

NUMBERS = {"f32": 0, "f16": 1, "q8_0": 8, "q5_1": 7, "q5_0": 6, "q4_1": 3, "q4_0": 2}
"""llama-cpp-python's type_k and type_v."""


class Recommendation(NamedTuple):
    """The settings to use, in full; the gain over llama.cpp's default that tuning saw, and that pairs of processes measured."""

    configuration: Configuration
    kept_default: bool
    metric: str
    unit: str
    default: float | None
    found: float | None
    gain: float | None
    measured_gain: float | None
    interval: tuple[float, float] | None
    pairs: int
    noise_floor: float | None


def of_run(folder: Path, cell: Cell) -> Recommendation:
    """The recommendation of the run of one study in `folder`.

    Raises:
        HaqaError: the run has no database.
    """
    row, again = best.rows(folder)[0], pairs.read(folder)
    tuned = json.loads(row.winners[0]) if row.winners else dict(cell.space.default)
    verdict = again.verdicts.get((cell.id, key_of(tuned)))
    kept = verdict is None or not verdict.better
    return Recommendation(
        configuration=dict(cell.space.default) if kept else tuned,
        kept_default=kept,
        metric=row.metric,
        unit=row.unit,
        default=row.default_value,
        found=row.best,
        gain=row.speed_up,
        measured_gain=verdict.ratio if verdict else None,
        interval=(verdict.interval.low, verdict.interval.high) if verdict and verdict.interval else None,
        pairs=verdict.pairs if verdict else 0,
        noise_floor=again.floors.get(cell.id),
    )


def commands(model: Path, configuration: Configuration, n_ctx: int) -> dict[str, str]:
    """How llama.cpp's server, its command line and llama-cpp-python are started with these settings."""
    s: Mapping[str, Any] = {**DEFAULTS, "n_threads_batch": configuration["n_threads"], **configuration}
    flags = (
        f"-m {model} -c {n_ctx} -t {s['n_threads']} -tb {s['n_threads_batch']} -b {s['n_batch']} -ub {s['n_ubatch']} "
        f"-fa {s['flash_attn']} -ctk {s['type_k']} -ctv {s['type_v']}"
    )
    python = (
        f"llama_cpp.Llama({str(model)!r}, n_ctx={n_ctx}, n_threads={s['n_threads']}, n_threads_batch={s['n_threads_batch']}, "
        f"n_batch={s['n_batch']}, n_ubatch={s['n_ubatch']}, flash_attn={s['flash_attn'] == 'on'}, "
        f"type_k={NUMBERS[str(s['type_k'])]}, type_v={NUMBERS[str(s['type_v'])]})"
    )
    return {"llama-server": f"llama-server {flags}", "llama-cli": f"llama-cli {flags}", "llama-cpp-python": python}
