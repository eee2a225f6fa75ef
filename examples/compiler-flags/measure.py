"""Compiles records.c with every set of flags, times each, and writes measurements.csv.

    python measure.py

The repeats are interleaved, in an order that is drawn anew in each pass, so that what disturbs the
machine for a while disturbs no set of flags more than another. A checksum that differs from that of
the plain program (-O0) by more than rounding is a wrong output.
"""

import csv
import itertools
import math
import random
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SPACE = {
    "opt": ["-O1", "-O2", "-O3", "-Ofast"],
    "march": ["x86-64", "x86-64-v3", "native", "znver4"],
    "unroll": [False, True],
    "vectorize": [True, False],
    "lto": [False, True],
}
REPEATS = 7
ROUNDING = 1e-6
SEED = 0


def flags(configuration: dict[str, object]) -> list[str]:
    """A configuration as gcc takes it."""
    switches = {"unroll": "-funroll-loops", "lto": "-flto"}
    on = [flag for name, flag in switches.items() if configuration[name]]
    off = [] if configuration["vectorize"] else ["-fno-tree-vectorize"]
    return [str(configuration["opt"]), f"-march={configuration['march']}", *on, *off]


def build(given: list[str], program: Path) -> bool:
    """Compiles the program; whether gcc could."""
    command = ["gcc", *given, str(HERE / "records.c"), "-o", str(program), "-lm"]
    return subprocess.run(command, capture_output=True).returncode == 0


def run(program: Path) -> tuple[float, float]:
    """The checksum, and the milliseconds of processor time."""
    checksum, spent_ms = subprocess.check_output([program], text=True).split()
    return float(checksum), float(spent_ms)


def main() -> None:
    """Builds all, then times what could be built."""
    rng, rows = random.Random(SEED), []
    with tempfile.TemporaryDirectory() as folder:
        build(["-O0"], Path(folder) / "plain")
        right, _ = run(Path(folder) / "plain")
        built = []
        for number, values in enumerate(itertools.product(*SPACE.values())):
            configuration = dict(zip(SPACE, values, strict=True))
            program = Path(folder) / str(number)
            if build(flags(configuration), program):
                built.append((configuration, program))
            else:
                rows.append({**configuration, "repeat": 0, "status": "compile error"})
        for repeat in range(REPEATS):
            for configuration, program in rng.sample(built, len(built)):
                checksum, spent_ms = run(program)
                fits = math.isclose(checksum, right, rel_tol=ROUNDING)
                measured = {"time_ms": spent_ms, "size_kb": program.stat().st_size / 1000}
                row = {
                    **configuration,
                    "repeat": repeat,
                    "status": "ok" if fits else "wrong output",
                }
                rows.append(row | (measured if fits else {}))
    columns = [*SPACE, "repeat", "status", "time_ms", "size_kb"]
    order = {values: number for number, values in enumerate(itertools.product(*SPACE.values()))}
    rows.sort(key=lambda row: (order[tuple(row[name] for name in SPACE)], row["repeat"]))
    with (HERE / "measurements.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
