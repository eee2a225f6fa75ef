"""What a replayed trial costs, beside Optuna's random sampler on the same table in the same run; and how it grows with the studies.

    python benchmarks/replay_overhead.py suites/llama.yaml

Prints ratios: absolute times depend on the machine and on what else it does.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import optuna

from haqa_bench import runner, studies, suite
from haqa_bench.executors.local import Serial
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.protocols import Evaluator
from haqa_bench.space import key_of

TRIALS, REPEATS = 50, 7


def main() -> None:
    path = Path(sys.argv[1]).resolve()
    loaded = suite.load(path, path.parent.parent)
    plan = studies.Plan(loaded, path.parent, path.parent.parent, loaded.studies())
    cell = loaded.cells[0].model_copy(update={"budget": loaded.cells[0].budget.model_copy(update={"proposals": TRIALS})})
    study = next(s for s in loaded.studies() if s.method.optimizer == "random")._replace(cell=cell)
    evaluator = studies.evaluator_of(plan, cell)
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: list(studies.run_study(study, RandomSearch(study), evaluator, [])),
        "Optuna": lambda: optuna_random(study, evaluator),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, work in contenders.items():
            seconds[name].append(timed(work))
    each = {name: 1000 * median(taken) / TRIALS for name, taken in seconds.items()}
    print(f"a replayed trial, random search, median of {REPEATS} interleaved runs of {TRIALS} trials:")
    for name, milliseconds in each.items():
        print(f"  {name:7} {milliseconds:.3f} ms, {milliseconds / each['Optuna']:.2f} of Optuna's")
    print("a whole run, journals and database included, against a tenth of its studies:")
    few, many = (timed(lambda n=n: whole_run(plan, n)) for n in (10, 100))
    print(f"  100 studies take {many / few:.1f} times as long as 10")


def optuna_random(study: suite.Study, evaluator: Evaluator) -> None:
    """The same lookups, asked and told by Optuna."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: optuna.distributions.CategoricalDistribution(p.choices) for name, p in study.cell.space.root.items()}
    theirs = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=study.seed))
    for _ in range(TRIALS):
        asked = theirs.ask(distributions)
        entry = evaluator.table.entries[key_of(asked.params)]
        theirs.tell(asked, entry.measurements[0].value if entry.measurements else 0.0)


def whole_run(plan: studies.Plan, studies: int) -> None:
    """Random search on one cell with that many seeds."""
    one = next(s for s in plan.studies if s.method.optimizer == "random")
    with tempfile.TemporaryDirectory() as folder:
        list(runner.run(plan._replace(studies=[one._replace(seed=n) for n in range(studies)]), Path(folder), Serial()))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
