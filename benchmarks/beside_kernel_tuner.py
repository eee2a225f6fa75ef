"""Our random search and replay beside Kernel Tuner's, on the same table: the same best-of-n
distribution, and at what cost per trial.

    python benchmarks/beside_kernel_tuner.py suites/llama.yaml

The first cell's response table is exported as a Kernel Tuner cache. Then, for many seeds, the best
of n random proposals (the default apart) is drawn by ours and by Kernel Tuner's simulation mode,
and both are held against the exact distribution, which is known: n draws without replacement from a
finite list. Then what a replayed trial costs with both and with Optuna's random sampler, in one
run: the share of a whole run of studies, and one more trial of a study that is under way; and how
our whole runs grow with their studies.
"""

import argparse
import contextlib
import io
import json
import math
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import kernel_tuner
import numpy as np
import optuna
from scipy import stats

from haqa_bench import suite
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.run import runner
from haqa_bench.run import study as studies
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.space import key_of
from haqa_bench.store.kernel_tuner import exported as cache_files
from haqa_bench.tracks.replayed import TableEvaluator

N, SEEDS, REPEATS, STUDIES, TRIALS = 10, 1000, 7, 30, 30


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    path = options.suite.resolve()
    loaded = suite.load(path, path.parent.parent)
    cell = loaded.cells[0]
    plan = Plan(loaded, path.parent.parent, [])
    evaluator = studies.evaluator_of(plan, cell)
    assert isinstance(evaluator, TableEvaluator)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache.json"
        cache.write_text(json.dumps(cache_files.to_cache(evaluator.table, cell)))
        distributions(cell, evaluator, cache, options.seeds)
        overhead(plan, cell, cache)
    growth(plan._replace(studies=loaded.studies()))


def distributions(cell: suite.Cell, evaluator: TableEvaluator, cache: Path, seeds: int) -> None:
    scores = {key: score(evaluator, key) for key in evaluator.outcomes}
    del scores[key_of(cell.space.default)]
    ours = np.array(
        [max(scores[key] for key in our_draws(cell, evaluator, seed)) for seed in range(seeds)]
    )
    theirs = np.array(
        [max(scores[key] for key in their_draws(cell, cache, seed)) for seed in range(seeds)]
    )
    print(f"{cell.id}: best of {N} random proposals, {seeds} seeds each")
    for name, found in (("ours", ours), ("Kernel Tuner", theirs)):
        fits = f"against the exact distribution p = {exact_p(found, scores):.3f}"
        print(f"  {name:12} median {np.median(found):.1f}, mean {found.mean():.2f}; {fits}")
    both = stats.ks_2samp(ours, theirs)
    print(
        "  against each other: largest difference of the two distributions "
        f"{both.statistic:.3f}, Kolmogorov-Smirnov p = {both.pvalue:.3f}"
    )


def score(evaluator: TableEvaluator, key: str) -> float:
    """The objective where the configuration is feasible, else less than any."""
    outcome = evaluator.outcomes[key]
    return outcome.measurements[0].value if outcome.rank is not None else -math.inf


def our_draws(cell: suite.Cell, evaluator: TableEvaluator, seed: int) -> list[str]:
    study = with_budget(cell, N + 1, seed)
    return [t.key for t in studies.run_study(study, RandomSearch(study), evaluator, [])][1:]


def their_draws(cell: suite.Cell, cache: Path, seed: int) -> list[str]:
    """N draws other than the default: one more is drawn, and the default, or any one, left out."""
    keys = [
        key_of({name: result[name] for name in cell.space.root})
        for result in simulated(cell, cache, N + 1, seed)
    ]
    random.Random(seed).shuffle(keys)
    return [key for key in keys if key != key_of(cell.space.default)][:N]


def simulated(cell: suite.Cell, cache: Path, evaluations: int, seed: int) -> list[dict]:
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
    """Chi-square test of best-of-N draws against what N draws without replacement give; rare values
    are pooled.
    """
    values = sorted(scores.values())
    total = math.comb(len(values), N)
    at_most = [
        (v, math.comb(k, N) / total)
        for v, k in ((v, sum(x <= v for x in values)) for v in sorted(set(values)))
    ]
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
    limited = cell.model_copy(
        update={"budget": cell.budget.model_copy(update={"proposals": proposals})}
    )
    return suite.Study("benchmark", limited, suite.Method(name="random", optimizer="random"), seed)


def overhead(plan: Plan, cell: suite.Cell, cache: Path) -> None:
    """A run of STUDIES studies, all that it needs included (reading the table, making the search
    space), then one more trial alone.
    """
    contenders: dict[str, Callable[[int, int], object]] = {
        "ours": lambda count, trials: our_run(plan, cell, count, trials),
        "Kernel Tuner": lambda count, trials: [
            simulated(cell, cache, trials, seed) for seed in range(count)
        ],
        "Optuna": lambda count, trials: optuna_run(plan, cell, count, trials),
    }
    whole: dict[str, list[float]] = {name: [] for name in contenders}
    more: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, work in contenders.items():
            taken = {
                trials: 1000 * timed(lambda w=work, t=trials: w(STUDIES, t)) / STUDIES
                for trials in (TRIALS, 3 * TRIALS)
            }
            whole[name].append(taken[TRIALS] / TRIALS)
            more[name].append((taken[3 * TRIALS] - taken[TRIALS]) / (2 * TRIALS))
    print(
        f"random search, {STUDIES} studies of {TRIALS} trials, median of {REPEATS} "
        "interleaved runs, ms for each replayed trial:"
    )
    for name in contenders:
        shares = [f"{beside(whole, name)} of Kernel Tuner's", f"({beside(more, name)} of its)"]
        print(
            f"  {name:12} {median(whole[name]):.3f}, {shares[0]}; "
            f"one more trial of a study under way: {median(more[name]):.3f} {shares[1]}"
        )


def beside(taken: Mapping[str, list[float]], name: str) -> str:
    """How long a contender takes, as a share of Kernel Tuner's time."""
    return f"{median(taken[name]) / median(taken['Kernel Tuner']):.2f}"


def our_run(plan: Plan, cell: suite.Cell, count: int, trials: int) -> None:
    evaluator = studies.evaluator_of(plan, cell)
    for seed in range(count):
        study = with_budget(cell, trials, seed)
        list(studies.run_study(study, RandomSearch(study), evaluator, []))


def optuna_run(plan: Plan, cell: suite.Cell, count: int, trials: int) -> None:
    evaluator = studies.evaluator_of(plan, cell)
    for seed in range(count):
        optuna_random(cell, evaluator, trials, seed)


def growth(plan: Plan) -> None:
    """Whole runs, journals and database included."""
    few, many = (timed(lambda n=n: whole_run(plan, n)) for n in (10, 100))
    print(
        "a whole run of 100 studies, journals and database included, takes "
        f"{many / few:.1f} times as long as one of 10"
    )


def whole_run(plan: Plan, count: int) -> None:
    """Random search on one cell with that many seeds."""
    one = next(s for s in plan.studies if s.method.optimizer == "random")
    with tempfile.TemporaryDirectory() as folder:
        list(
            runner.run(
                plan._replace(studies=[one._replace(seed=n) for n in range(count)]),
                Path(folder),
                Serial(),
            )
        )


def optuna_random(cell: suite.Cell, evaluator: TableEvaluator, trials: int, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {
        name: optuna.distributions.CategoricalDistribution(p.choices)
        for name, p in cell.space.root.items()
    }
    theirs = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed)
    )
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
