"""Does a method that learns come nearer to a known optimum than random search, on ranges?

    python benchmarks/ranges.py --seeds 100 --evaluations 30

The space is the paper's for fine-tuning a quantized network, five ranges. What answers is made up:
a smooth bowl on the parameters' scales, tilted where the learning rate and the batch size go
together, with its optimum elsewhere for each seed and never at the default. Regret is how far the
best that a study found lies above the optimum, in the bowl's own unit. Each method is paired with
random search of the same seed, which has the same bowl.
"""

import argparse
import random
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import NamedTuple

from haqa_bench.api.function_cell import FunctionCell, function_cell
from haqa_bench.api.studying import run_study
from haqa_bench.arithmetic.estimate import Interval
from haqa_bench.report.statistics import median_interval
from haqa_bench.space import Configuration, SearchSpace
from haqa_bench.trial import Source

SPACE = SearchSpace.model_validate(
    {
        "learning_rate": {"float": {"low": 1e-5, "high": 0.2, "log": True}, "default": 0.01},
        "batch_size": {"int": {"low": 32, "high": 256, "log": True}, "default": 128},
        "weight_decay": {"float": {"low": 1e-6, "high": 0.1, "log": True}, "default": 5e-4},
        "momentum": {"float": {"low": 0.5, "high": 0.99}, "default": 0.9},
        "num_epochs": {"int": {"low": 8, "high": 12}, "default": 12},
    }
)
"""HAQA's prompt: the space for ResNets (../shared/PAPER.md)."""
STEEP = {
    "learning_rate": 40.0,
    "batch_size": 6.0,
    "weight_decay": 8.0,
    "momentum": 10.0,
    "num_epochs": 2.0,
}
"""What a whole scale costs, squared. Made up: the learning rate counts most."""
TILT = 10.0
"""Made up: of the learning rate and the batch size, which err together."""
NEAR = 0.1
"""No optimum is nearer to an end of a scale, or, in the learning rate, to the default."""
LEARN = ("local", "rules", "tpe", "gp", "nsga2", "smac")


class Bowl:
    """Error over the space, with an optimum of 0 that `seed` places."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"bowl {seed}")
        self.optimum = dict(SPACE.default)
        while abs(self._off(SPACE.default)["learning_rate"]) < NEAR:
            self.optimum = {
                name: p.at(rng.uniform(NEAR, 1 - NEAR)) for name, p in SPACE.root.items()
            }

    def __call__(self, configuration: Configuration) -> float:
        """The error of a configuration: how far it lies above the optimum."""
        off = self._off(configuration)
        bowl = sum(STEEP[name] * d**2 for name, d in off.items())
        return bowl - TILT * off["learning_rate"] * off["batch_size"]

    def _off(self, configuration: Configuration) -> dict[str, float]:
        """How far each value lies from the optimum's, as a share of its scale."""
        return {
            name: p.fraction(configuration[name]) - p.fraction(self.optimum[name])
            for name, p in SPACE.root.items()
        }


def cell(seed: int, evaluations: int) -> FunctionCell:
    """The cell of a seed's bowl; a study tries the default and `evaluations` more."""
    return function_cell(Bowl(seed), SPACE, evaluations + 1, name="bowl", source=Source.SIMULATED)


def regrets(
    method: str, seeds: Iterable[int], evaluations: int, jobs: int | None = 1
) -> list[float]:
    """How far above the optimum the best lies that a method finds, a study a seed. `jobs` studies
    run at a time, None for as many as there are cores.
    """
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(partial(_best, method, evaluations), seeds))
    return [value for value in found if value is not None]


def _best(method: str, evaluations: int, seed: int) -> float | None:
    return run_study(method, cell(seed, evaluations), seed).value


class Told(NamedTuple):
    """A method beside random search: the median of the paired differences of regret, below 0 where
    the method is nearer, and its interval.
    """

    method: str
    nearer: int
    seeds: int
    regret: float
    difference: float
    interval: Interval | None

    @property
    def better(self) -> bool:
        """Whether all of the interval is below 0."""
        return self.interval is not None and self.interval.high < 0


def told(method: str, found: Sequence[float], at_random: Sequence[float]) -> Told:
    """A method beside random search, seed by seed."""
    differences = [ours - theirs for ours, theirs in zip(found, at_random, strict=True)]
    nearer = sum(difference < 0 for difference in differences)
    interval = median_interval(differences)
    return Told(method, nearer, len(found), median(found), median(differences), interval)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--evaluations", type=int, default=30)
    parser.add_argument("--methods", default=",".join(LEARN))
    parser.add_argument("--jobs", type=int, help="studies at a time; every core unless told")
    options = parser.parse_args()
    seeds, evaluations, jobs = range(options.seeds), options.evaluations, options.jobs
    at_random = regrets("random", seeds, evaluations, jobs)
    print(
        f"| {options.evaluations} proposals, {options.seeds} seeds | nearer than random search |"
        " median regret | difference, paired | 95 % interval |"
    )
    print("| --- | --- | --- | --- | --- |")
    print(f"| random | | {median(at_random):.3f} | | |", flush=True)
    for method in options.methods.split(","):
        if method == "smac" and find_spec("smac") is None:
            continue
        print(line(told(method, regrets(method, seeds, evaluations, jobs), at_random)), flush=True)


def line(row: Told) -> str:
    """A row of the table."""
    low_high = f"{row.interval.low:.3f} to {row.interval.high:.3f}" if row.interval else ""
    return (
        f"| {row.method} | {row.nearer} of {row.seeds} | {row.regret:.3f} | "
        f"{row.difference:.3f} | {low_high} |"
    )


if __name__ == "__main__":
    main()
