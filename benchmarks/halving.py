"""Is successive halving worth its rungs? Against random search at equal epochs, on a formula in
place of trainings (tests/falling.py): the loss falls with epochs, and early ranks are mostly the
late ones.

    python benchmarks/halving.py --seeds 100

For each budget and method: by how many points of a made-up accuracy its best is above that of
random search with the same seed, the mean with its 95 % bootstrap interval; and on how many seeds
it is above and below.
"""

import argparse
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from haqa_bench import registry, suite
from haqa_bench.run.study import run_study

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from falling import RANGES, Falling  # noqa: E402 - it lies there

BUDGETS = (81, 108, 216)
METHODS = ("random", "asha", "hyperband")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    seeds = range(parser.parse_args().seeds)
    for epochs in BUDGETS:
        found = {name: [best(name, epochs, seed) for seed in seeds] for name in METHODS}
        for name in METHODS[1:]:
            gains = np.array(found[name]) - np.array(found["random"])
            drawn = np.random.default_rng(0).choice(gains, (2000, len(gains))).mean(axis=1)
            low, high = np.quantile(drawn, [0.025, 0.975])
            print(
                f"{epochs} epochs, {name:9} {gains.mean():+.2f} ({low:+.2f} to {high:+.2f}); above "
                f"on {(gains > 0).sum()}, below on {(gains < 0).sum()} of {len(gains)} seeds",
                flush=True,
            )


def best(name: str, epochs: int, seed: int) -> float:
    """The best accuracy that a study found, in points."""
    study = studies(epochs)[name]._replace(seed=seed)
    made = registry.optimizer(study, None, REPOSITORY / "prompts")
    trials = list(run_study(study, made, Falling(), []))
    found = study.cell.objective.best(trials)
    assert found is not None
    return found.value("valid_accuracy") or 0.0


@cache
def studies(epochs: int) -> dict[str, suite.Study]:
    """A study of each method with so many epochs."""
    text = RANGES.replace("at_most: 108", f"at_most: {epochs}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ranges.yaml"
        path.write_text(text.replace("proposals: 60", "proposals: 200"))
        return {s.method.name: s for s in suite.load(path, REPOSITORY).studies() if s.seed == 0}


if __name__ == "__main__":
    main()
