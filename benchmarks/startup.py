"""How long `haqa-bench --help` takes, beside a Python that imports click and does nothing.

Run: python benchmarks/startup.py
"""

import subprocess
import sys
import time

COMMANDS = {
    "import click": [sys.executable, "-c", "import click"],
    "haqa-bench --help": [sys.executable, "-m", "haqa_bench", "--help"],
}
ROUNDS = 15


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):  # interleaved, so that what disturbs one disturbs the other
        for name, command in COMMANDS.items():
            found[name].append(seconds(command))
    best = {name: min(taken) for name, taken in found.items()}
    for name, taken in best.items():
        print(f"{name}: {1000 * taken:.0f} ms, the best of {ROUNDS}")
    print(f"ratio: {best['haqa-bench --help'] / best['import click']:.2f}")


if __name__ == "__main__":
    main()
