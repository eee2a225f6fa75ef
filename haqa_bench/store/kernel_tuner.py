"""Response tables as Kernel Tuner's cache files, so that its strategies can be run on them in its simulation mode.

The format is that of Kernel Tuner 1.x: a configuration's values, joined by commas, name an entry that holds them, every metric, the raw
samples, and the milliseconds that the evaluation took. One that could not be measured has an `__error__`; one that breaks a constraint
is an entry like any other, since Kernel Tuner knows no constraints.
"""

import json
from pathlib import Path
from typing import Any

from haqa_bench.space import Configuration, key_of
from haqa_bench.store.tables import Entry, ResponseTable
from haqa_bench.suite import Cell

FAILED = "RuntimeFailedConfig"
PROBLEM_SIZE = 1
"""Kernel Tuner asks for one; a deployed model has none."""


def export(table: ResponseTable, cell: Cell, path: Path) -> None:
    """Writes the table of `cell` as a cache file. Its kernel's name is the cell's, its objective the cell's metric."""
    cache = {
        "device_name": cell.hardware.name,
        "kernel_name": cell.id,
        "problem_size": PROBLEM_SIZE,
        "tune_params_keys": list(cell.space.root),
        "tune_params": {name: list(p.choices) for name, p in cell.space.root.items()},
        "objective": cell.objective.metric,
        "cache": {_key(c): _entry(c, table.entries[key_of(c)], cell.objective.metric) for c in cell.space.grid()},
    }
    path.write_text(json.dumps(cache, indent=1) + "\n", "utf-8")


def _key(configuration: Configuration) -> str:
    return ",".join(str(value) for value in configuration.values())


def _entry(configuration: Configuration, entry: Entry, metric: str) -> dict[str, Any]:
    values: dict[str, Any] = {m.name: m.value for m in entry.measurements}
    samples = next((list(m.samples) for m in entry.measurements if m.name == metric), [])
    taken = {"compile_time": 0, "verification_time": 0, "benchmark_time": 1000 * (entry.seconds or 0.0)}
    error = {} if entry.measurements else {metric: FAILED, "__error__": FAILED}
    return {**configuration, **values, "times": samples, **taken, **error}
