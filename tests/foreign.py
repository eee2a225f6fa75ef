"""What tests of other tuners' files share: a suite of six configurations, and files that measured
them: 0.9 ms the default, 0.4 ms the best, each in the forms that tuners write.
"""

import json
import tempfile
from functools import cache as cache_calls
from pathlib import Path
from typing import NamedTuple

from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.cell import Cell
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.kernel_tuner.imported import Imported, imported

SUITE = """\
name: foreign
models: {Add: {architecture: a vector addition, parameters: 0}}
methods: [{name: default, optimizer: default}, {name: random, optimizer: random}]
seeds: [0, 1, 2]
cells:
  - track: table
    models: [Add]
    bit_widths: [FP32]
    hardware: [epyc-zen4-2core]
    workload:
      about: a vector addition
      metrics: {METRIC: {unit: UNIT, direction: minimize}}
    space:
      block_size_x: {choices: [32, 64, 128], default: 32}
      tile: {choices: [1, 2], default: 1}
    objective: {metric: METRIC}
    budget: {proposals: 6}
"""
CELL = "add-fp32-epyc-zen4-2core-table"
TIMES = {(32, 1): 0.9, (32, 2): 0.5, (64, 1): 0.8, (64, 2): 0.7, (128, 1): 0.4, (128, 2): 0.6}
"""In ms."""


def write_suite(
    project: Path, metric: str = "time_us", unit: str = "us", text: str = SUITE
) -> Path:
    """The suite's path."""
    text = text.replace("METRIC", metric).replace("UNIT", unit)
    path = project / "suites" / "foreign.yaml"
    path.write_text(text)
    return path


@cache_calls
def cell(metric: str = "time_us", unit: str = "us") -> Cell:
    """The suite's cell."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "suites").mkdir()
        return suite.load(write_suite(Path(folder), metric, unit), REPOSITORY).cells[0]


class Brought(NamedTuple):
    """What a file brought: how it went, and each configuration's value, or its status."""

    done: Imported
    values: dict[tuple[int, int], float | str]

    @property
    def best(self) -> float:
        """The smallest value."""
        return min(value for value in self.values.values() if not isinstance(value, str))


def brought(folder: Path, found: object, cell: Cell, **stated: str) -> Brought:
    """A file, or what it shall hold, as a response table that was read again."""
    file = found if isinstance(found, Path) else written(folder, found)
    done = imported(file, cell, stated)
    tables.write(folder / "table.parquet", {}, done.rows)
    entries = tables.read(folder / "table.parquet").entries
    values = {}
    for block, tile in TIMES:
        entry = entries[key_of({"block_size_x": block, "tile": tile})]
        known = [m.value for m in entry.measurements if m.name == cell.objective.metric]
        values[block, tile] = known[0] if known else entry.status.value
    return Brought(done, values)


def samples_of(time: float) -> list[float]:
    """Five, whose lower quartile and median is the time."""
    return [1.1 * time, time, time, 1.02 * time, 0.99 * time]


def entry(block: int, tile: int, **changes: object) -> dict[str, object]:
    """A configuration of a cache; a change to None leaves a field out."""
    time = TIMES[block, tile]
    found = {
        "block_size_x": block,
        "tile": tile,
        "time": time,
        "times": samples_of(time),
        "compile_time": 400.0,
        "verification_time": 0,
        "benchmark_time": 1.0,
        "strategy_time": 0,
        "framework_time": 2.0,
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def cache(**entries: object) -> dict[str, object]:
    """A cache; `entries` by key, such as c64_1, take the place of its own."""
    own = {f"{b},{t}": entry(b, t) for b, t in TIMES}
    others = {name.removeprefix("c").replace("_", ","): e for name, e in entries.items()}
    return {
        "device_name": "GPU",
        "kernel_name": "k",
        "problem_size": [4096, 4096],
        "tune_params_keys": ["block_size_x", "tile"],
        "tune_params": {"block_size_x": [32, 64, 128], "tile": [1, 2]},
        "objective": "time",
        "cache": own | others,
    }


def result(block: int, tile: int, **changes: object) -> dict[str, object]:
    """A configuration of T4 results, as Kernel Tuner writes them."""
    time = TIMES[block, tile]
    return {
        "timestamp": "2026-01-01 00:00:00+00:00",
        "configuration": {"block_size_x": block, "tile": tile},
        "times": {"compilation": 400.0, "benchmark": 1.0, "runtimes": samples_of(time)},
        "invalidity": "correct",
        "correctness": 1,
        "measurements": [{"name": "time", "value": time, "unit": "ms"}],
        "objectives": ["time"],
    } | changes


def t4(timeunit: object = "milliseconds", **results: object) -> dict[str, object]:
    """T4 results; `results` by configuration, such as c64_1, take the place of their own."""
    found = {f"c{b}_{t}": result(b, t) for b, t in TIMES} | results
    return {
        "metadata": {"timeunit": timeunit},
        "schema_version": "1.0.0",
        "results": list(found.values()),
    }


def written(folder: Path, found: object, name: str = "file.json") -> Path:
    """A file of JSON; of text as it is."""
    path = folder / name
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return path
