"""What a large response table costs: from a run's start to an evaluator that answers, with the
exact optimum, ranks and constraints. Beside it, in the same run, what pandas takes to read it.

    python benchmarks/large_tables.py [--sizes 100000,1000000]

Each is timed in processes of their own, ours and the peer's in turn; medians of processor time,
which others on the machine do not change much, and the peak memory that each adds to a process that
has imported it, as Linux says it. Needs pandas for the peer.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from haqa_bench import suite
from haqa_bench.project import Project
from haqa_bench.space import key_of
from haqa_bench.store import tables

REPEATS = 3
CHOICES = {"batch": 16, "blocks": 16, "cache": 8, "depth": 8, "split": 8, "tile": 16}
FACTS = json.dumps({tables.IMPORTED: "made.csv", tables.IMPORTED_SHA256: "0" * 64})
HARDWARE = Path(__file__).resolve().parent.parent / "hardware" / "epyc-zen4-2core.yaml"
SUITE = """\
name: large
models: {{Server: {{architecture: made, parameters: 0}}}}
methods: [{methods}]
seeds: {seeds}
cells:
  - track: table
    models: [Server]
    bit_widths: [INT8]
    hardware: [epyc-zen4-2core]
    workload:
      about: made for a benchmark
      metrics:
        throughput: {{unit: req/s, direction: maximize}}
        p99: {{unit: ms, direction: minimize}}
    space:
{space}
      configurations: recorded
    objective:
      metric: throughput
      constraints: [{{metric: p99, at_most_times_default: 3.0}}]
    budget: {{proposals: 30}}
"""
OURS = """
import re, sys, time
from pathlib import Path
from haqa_bench import suite, tracks
from haqa_bench.project import Project
from haqa_bench.store import tables
from haqa_bench.tracks import replayed
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1000
before, started, folder = peak(), time.process_time(), Path(sys.argv[1])
(cell,) = suite.load(folder / "suites/large.yaml", folder).cells
loaded = time.process_time()
evaluator = tracks.of(cell).recorded(cell, Project(folder).table(cell))
assert evaluator.measure(cell.space.default).rank
print(time.process_time() - started, peak() - before, loaded - started)
"""
PANDAS = """
import re, sys, time
import pandas
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1000
before, started = peak(), time.process_time()
pandas.read_parquet(sys.argv[1], engine="pyarrow")
print(time.process_time() - started, peak() - before)
"""


def make(folder: Path, size: int, methods: str = "random", seeds: int = 1) -> Path:
    """A project with one cell of so many configurations; its table."""
    for name in ("prompts", "suites", "hardware"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "hardware" / HARDWARE.name).write_bytes(HARDWARE.read_bytes())
    choices = {name: [2**n for n in range(count)] for name, count in CHOICES.items()}
    space = [f"      {n}: {{choices: {c}, default: 1}}" for n, c in choices.items()]
    named = ", ".join(f"{{name: {m}, optimizer: {m}}}" for m in methods.split(","))
    text = SUITE.format(space="\n".join(space), methods=named, seeds=list(range(seeds)))
    (folder / "suites/large.yaml").write_text(text)
    (cell,) = suite.load(folder / "suites/large.yaml", folder).cells
    path = Project(folder).table(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
    card |= {tables.IMPORTED: "made.csv", tables.IMPORTED_SHA256: "0" * 64}
    told = {"haqa_bench": json.dumps({"format": 1, **card})}
    schema = tables.SCHEMA.with_metadata(told)
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as file:
        for part in _parts(size):
            file.write_table(part.cast(schema))
    return path


def _parts(size: int) -> Iterator[pa.Table]:
    """The rows, in the order of their keys."""
    rng, sizes = np.random.default_rng(0), list(CHOICES.values())
    others = 1 + rng.choice(np.prod(sizes) - 1, size - 1, replace=False)
    numbers = np.concatenate([[0], np.sort(others)])
    choices = 2 ** np.stack(np.unravel_index(numbers, sizes), axis=1)
    keys = [key_of(dict(zip(CHOICES, row, strict=True))) for row in choices.tolist()]
    keys.sort()
    for at in range(0, size, 100_000):
        part = keys[at : at + 100_000]
        yield _part(part, rng.lognormal(3, 1, len(part)), rng.lognormal(4, 0.5, len(part)))


def _part(keys: list[str], speed: np.ndarray, p99: np.ndarray) -> pa.Table:
    failed = [number % 50 == 7 and '"batch":1,' not in key for number, key in enumerate(keys)]
    readings = [
        []
        if bad
        else [
            {"name": "throughput", "unit": "req/s", "samples": [a]},
            {"name": "p99", "unit": "ms", "samples": [b]},
        ]
        for a, b, bad in zip(speed.tolist(), p99.tolist(), failed, strict=True)
    ]
    return pa.table(
        {
            "configuration": keys,
            "pass": pa.array([0] * len(keys), pa.int32()),
            "status": ["oom" if bad else "ok" for bad in failed],
            "reason": ["no memory" if bad else "" for bad in failed],
            "readings": pa.array(readings, tables.READINGS),
            "facts": [FACTS] * len(keys),
        }
    )


def taken(program: str, argument: Path) -> list[float]:
    """What a program prints: seconds, megabytes, and what else."""
    command = [sys.executable, "-c", program, str(argument)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    """Prints a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="100000,1000000")
    for size in map(int, parser.parse_args().sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = make(Path(folder), size)
            found = [(taken(OURS, Path(folder)), taken(PANDAS, path)) for _ in range(REPEATS)]
        ours, peer = (
            [statistics.median(column) for column in zip(*of, strict=True)]
            for of in zip(*found, strict=True)
        )
        print(
            f"{size:,} configurations: {ours[0]:.2f} s and {ours[1]:.0f} MB (of which the space "
            f"{ours[2]:.2f} s); pandas reads the file in {peer[0]:.2f} s and {peer[1]:.0f} MB; "
            f"ratios {ours[0] / peer[0]:.2f} and {ours[1] / peer[1]:.2f}"
        )


if __name__ == "__main__":
    main()
