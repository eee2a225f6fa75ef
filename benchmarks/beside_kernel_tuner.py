"""Our random search and replay beside Kernel Tuner's, on the same table: the same best-of-n distribution, and at what cost per trial.

    pip install kernel-tuner && python benchmarks/beside_kernel_tuner.py suites/llama.yaml

The first cell's response table is exported as a Kernel Tuner cache. Then, for many seeds, the best of n random proposals (the default
apart) is drawn by ours and by Kernel Tuner's simulation mode, and both are held against the exact distribution, which is known: n
draws without replacement from a finite list. Then the seconds per replayed trial of both and of Optuna's random sampler, in one run.
"""

import argparse
import contextlib
import io
import math
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import kernel_tuner
import numpy as np
import optuna
from scipy import stats

from haqa_bench import studies, suite
from haqa_bench.evaluators.table import TableEvaluator
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.space import Configuration, key_of
from haqa_bench.store import kernel_tuner as cache_files

N, SEEDS, REPEATS, TRIALS = 10, 1000, 7, 150


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    path = options.suite.resolve()
    loaded = suite.load(path, path.parent.parent)
    cell = loaded.cells[0]
    evaluator = studies.evaluator_of(studies.Plan(loaded, path.parent, path.parent.parent, []), cell)
    assert isinstance(evaluator, TableEvaluator)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache.json"
        cache_files.export(evaluator.table, cell, cache)
        distributions(cell, evaluator, cache, options.seeds)
        overhead(cell, evaluator, cache)


def distributions(cell: suite.Cell, evaluator: TableEvaluator, cache: Path, seeds: int) -> None:
    scores = {key: score(evaluator, key) for key in evaluator.outcomes}
    del scores[key_of(cell.space.default)]
    ours = np.array([max(scores[key] for key in our_draws(cell, evaluator, seed)) for seed in range(seeds)])
    theirs = np.array([max(scores[key] for key in their_draws(cell, cache, seed)) for seed in range(seeds)])
    print(f"{cell.id}: best of {N} random proposals, {seeds} seeds each")
    for name, found in (("ours", ours), ("Kernel Tuner", theirs)):
        fits = f"against the exact distribution p = {exact_p(found, scores):.3f}"
        print(f"  {name:12} median {np.median(found):.1f}, mean {found.mean():.2f}; {fits}")
    both = stats.ks_2samp(ours, theirs)
    print(
        f"  against each other: largest difference of the two distributions {both.statistic:.3f}, Kolmogorov-Smirnov p = {both.pvalue:.3f}"
    )


def score(evaluator: TableEvaluator, key: str) -> float:
    """The objective where the configuration is feasible, else less than any."""
    outcome = evaluator.outcomes[key]
    return outcome.measurements[0].value if outcome.rank is not None else -math.inf


def our_draws(cell: suite.Cell, evaluator: TableEvaluator, seed: int) -> list[str]:
    study = with_budget(cell, N + 1, seed)
    return [t.key for t in studies.run_study(study, RandomSearch(study), evaluator, [])][1:]


def their_draws(cell: suite.Cell, cache: Path, seed: int) -> list[str]:
    found = simulated(cell, cache, N, seed, lambda p: {k: p[k] for k in cell.space.root} != dict(cell.space.default))
    return [key_of({name: result[name] for name in cell.space.root}) for result in found]


def simulated(
    cell: suite.Cell, cache: Path, evaluations: int, seed: int, allowed: Callable[[Configuration], bool] | None = None
) -> list[dict]:
    """Kernel Tuner's random_sample on the cache."""
    np.random.seed(seed)
    random.seed(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        results, _ = kernel_tuner.tune_kernel(
            cell.id,
            f"void {cell.id}() {{}}",
            cache_files.PROBLEM_SIZE,
            [],
            {name: list(p.choices) for name, p in cell.space.root.items()},
            restrictions=allowed,
            lang="C",
            strategy="random_sample",
            strategy_options={"max_fevals": evaluations},
            simulation_mode=True,
            cache=str(cache),
            objective=cell.objective.metric,
            objective_higher_is_better=True,
            quiet=True,
            seed=seed,
        )
    return results


def exact_p(found: "np.ndarray", scores: dict[str, float]) -> float:
    """Chi-square test of best-of-N draws against what N draws without replacement give; rare values are pooled."""
    values = sorted(scores.values())
    total = math.comb(len(values), N)
    at_most = [(v, math.comb(k, N) / total) for v, k in ((v, sum(x <= v for x in values)) for v in sorted(set(values)))]
    edges, expected, below = [], [], 0.0
    for value, share in at_most:
        if (share - below) * len(found) >= 5 and (1 - share) * len(found) >= 5:
            edges.append(value)
            expected.append(share - below)
            below = share
    expected.append(1 - below)
    counts = np.bincount(np.searchsorted(edges, found), minlength=len(expected))
    return float(stats.chisquare(counts, np.array(expected) * len(found)).pvalue)


def with_budget(cell: suite.Cell, proposals: int, seed: int) -> suite.Study:
    limited = cell.model_copy(update={"budget": cell.budget.model_copy(update={"proposals": proposals})})
    return suite.Study("benchmark", limited, suite.Method(name="random", optimizer="random"), seed)


def overhead(cell: suite.Cell, evaluator: TableEvaluator, cache: Path) -> None:
    """Marginal cost: a long run less a short one, so that nobody pays for reading the table or starting up."""
    study = with_budget(cell, TRIALS, 0)
    contenders: dict[str, Callable[[int], object]] = {
        "ours": lambda n: list(studies.run_study(with_budget(cell, n, 0), RandomSearch(study), evaluator, [])),
        "Kernel Tuner": lambda n: simulated(cell, cache, n, 0),
        "Optuna": lambda n: optuna_random(cell, evaluator, n),
    }
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, work in contenders.items():
            short, long = timed(lambda work=work: work(TRIALS // 3)), timed(lambda work=work: work(TRIALS))
            costs[name].append(1000 * (long - short) / (TRIALS - TRIALS // 3))
    print(f"cost of a replayed trial, random search, median of {REPEATS} interleaved runs:")
    for name, taken in costs.items():
        print(f"  {name:12} {median(taken):.3f} ms, {median(taken) / median(costs['Kernel Tuner']):.2f} of Kernel Tuner's")


def optuna_random(cell: suite.Cell, evaluator: TableEvaluator, trials: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: optuna.distributions.CategoricalDistribution(p.choices) for name, p in cell.space.root.items()}
    theirs = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(trials):
        asked = theirs.ask(distributions)
        outcome = evaluator.outcomes[key_of(asked.params)]
        theirs.tell(asked, outcome.measurements[0].value if outcome.measurements else 0.0)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
