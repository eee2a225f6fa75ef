"""Which samples should be left out? Measures one configuration over and over under a load, and asks
which rule repeats best.

    python benchmarks/rejection.py suites/llama.yaml --processes 60

Rules: none; by the share of the machine that others took (steal included); by involuntary context
switches; by both. With the median, the quick quartile and the best of what is left. For many random
halves of the processes: the median and the 95th percentile of the difference between two halves'
estimates, and how far their mean is from the same estimate without load.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median

import numpy as np
from background_load import load

from haqa_bench import suite
from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.backends import device
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator

SWITCHES = 60
HALVES = 500
Sample = tuple[float, float, float]
"""A speed, the share that others took, the involuntary switches."""
RULES: dict[str, Callable[[Sample], bool]] = {
    "all": lambda s: True,
    "others": lambda s: s[1] <= QUIET,
    "switches": lambda s: s[2] <= SWITCHES,
    "both": lambda s: s[1] <= QUIET and s[2] <= SWITCHES,
}
ESTIMATORS: dict[str, Callable[[list[float]], float]] = {
    "median": median,
    "quick quartile": lambda s: float(np.quantile(s, 0.75)),
    "best": max,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", type=Path)
    parser.add_argument("--processes", type=int, default=60)
    parser.add_argument("--output", type=Path, help="JSON with all samples")
    options = parser.parse_args()
    path = options.suite.resolve()
    cell = suite.load(path, path.parent.parent).cells[0]
    evaluator = DeployEvaluator(cell)
    with device.exclusive():
        calm = [sampled(evaluator, cell) for _ in range(options.processes // 3)]
        with load(2.0, 1):
            loaded = [sampled(evaluator, cell) for _ in range(options.processes)]
    if options.output:
        options.output.write_text(json.dumps({"calm": calm, "loaded": loaded}))
    report(calm, loaded)


def sampled(evaluator: DeployEvaluator, cell: suite.Cell) -> list[Sample]:
    """One process' samples of the default."""
    readings = {
        m.name: m.samples for m in evaluator.sample(cell.space.default, repeat=1).measurements
    }
    return list(
        zip(
            readings[cell.objective.metric],
            readings["others_share"],
            readings["involuntary_switches"],
            strict=True,
        )
    )


def report(calm: list[list[Sample]], loaded: list[list[Sample]]) -> None:
    rng = np.random.default_rng(0)
    halves = [rng.permutation(len(loaded)) for _ in range(HALVES)]
    for rule, keep in RULES.items():
        kept = sum(keep(s) for process in loaded for s in process)
        print(f"{rule}: keeps {kept} of {sum(map(len, loaded))} samples")
        for name, estimator in ESTIMATORS.items():
            pairs = [
                [estimated(loaded, half, keep, estimator) for half in np.array_split(order, 2)]
                for order in halves
            ]
            apart = [abs(a - b) / ((a + b) / 2) for a, b in pairs]
            still = estimated(calm, np.arange(len(calm)), keep, estimator)
            off = mean(mean(pair) for pair in pairs) / still - 1
            middle, far = 100 * median(apart), 100 * np.quantile(apart, 0.95)
            print(
                f"  {name:14} two halves differ by {middle:4.1f} % (median), {far:4.1f} "
                f"% (95 %); {100 * off:+5.1f} % from without load"
            )


def estimated(
    processes: list[list[Sample]],
    chosen: np.ndarray,
    keep: Callable[[Sample], bool],
    estimator: Callable[[list[float]], float],
) -> float:
    samples = [s for index in chosen for s in processes[index]]
    return estimator([s[0] for s in samples if keep(s)] or [s[0] for s in samples])


if __name__ == "__main__":
    main()
