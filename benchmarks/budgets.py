"""Are the settings of TPE, the GP and NSGA-II worth anything? Against random search on measured
tables whose optimum is known.

    python benchmarks/budgets.py suites/llama.yaml --evaluations 30 --seeds 100

With our settings, which are scaled to the budget, and with Optuna's defaults. For each: on how many
seeds it ends better than, as well as, and worse than random search with the same seed; the median
regret; how often it finds the optimum.
"""

import argparse
from pathlib import Path
from statistics import median

from haqa_bench import registry, suite
from haqa_bench.run import study as studies
from haqa_bench.run.plan import Plan

METHODS = {
    "random": suite.Method(name="random", optimizer="random"),
    "local": suite.Method(name="local", optimizer="local"),
    "gp": suite.Method(name="gp", optimizer="gp"),
    "tpe": suite.Method(name="tpe", optimizer="tpe"),
    "nsga2": suite.Method(name="nsga2", optimizer="nsga2"),
    "tpe, Optuna's defaults": suite.Method(
        name="tpe-optuna",
        optimizer="tpe",
        options={"n_startup_trials": 10, "multivariate": False, "redraws": 0},
    ),
    "nsga2, Optuna's defaults": suite.Method(
        name="nsga2-optuna", optimizer="nsga2", options={"population_size": 50, "redraws": 0}
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", type=Path)
    parser.add_argument("--evaluations", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    path = options.suite.resolve()
    loaded = suite.load(path, path.parent.parent)
    plan = Plan(loaded, path.parent.parent, [])
    for cell in loaded.cells:
        evaluator = studies.evaluator_of(plan, cell)
        limited = cell.model_copy(
            update={"budget": cell.budget.model_copy(update={"proposals": options.evaluations + 1})}
        )
        print(
            f"{cell.id}: the default, then {options.evaluations} proposals, {options.seeds} seeds"
        )
        found = {}
        for name, method in METHODS.items():
            regrets = [
                regret(suite.Study("benchmark", limited, method, seed), evaluator)
                for seed in range(options.seeds)
            ]
            found[name] = regrets
            pairs = list(zip(regrets, found["random"], strict=True))
            better, same, worse = (
                sum(test(a, b) for a, b in pairs)
                for test in (float.__lt__, float.__eq__, float.__gt__)
            )
            print(
                f"  {name:26} better / as random / worse {better:3} / {same:3} / "
                f"{worse:3}; median regret {100 * median(regrets):4.1f} %; "
                f"optimum {sum(r == 0 for r in regrets)} of {options.seeds}",
                flush=True,
            )


def regret(study: suite.Study, evaluator: studies.Evaluator) -> float:
    """How far the study's best is from the optimum, as a share of it."""
    trials = list(studies.run_study(study, registry.optimizer(study, None, Path()), evaluator, []))
    best, optimum = (
        study.cell.objective.best(trials),
        evaluator.whole.optimum if evaluator.whole else None,
    )
    assert best is not None
    assert optimum is not None
    return abs(optimum - (best.value(study.cell.objective.metric) or 0.0)) / abs(optimum)


if __name__ == "__main__":
    main()
