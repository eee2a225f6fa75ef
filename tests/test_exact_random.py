"""The exact distribution of random search, against every deal of small tables, and against the
method itself.
"""

import itertools
import random
import statistics

import pytest
from support import evaluator_of, plan

from haqa_bench.arithmetic.exact_random import exact_random
from haqa_bench.registry import optimizer
from haqa_bench.run.study import run_study


def dealt(values, others, default, draws, direction):
    """The best of every deal, all equally likely; None where nothing counts."""
    pick = max if direction == "maximize" else min
    cards = [*values, *[None] * (others - len(values))]
    return [
        pick([v for v in (default, *hand) if v is not None], default=None)
        for hand in itertools.combinations(cards, draws)
    ]


TABLES = [
    ([5.0, 3.0, 3.0, 8.0, 1.0], 7, 4.0, 3, "maximize"),  # ties, and two that fail
    ([5.0, 3.0, 3.0, 8.0, 1.0], 7, 4.0, 3, "minimize"),
    ([8.0, 8.0, 3.0, 2.0], 6, None, 2, "maximize"),  # the default fails
    ([2.0, 1.0], 4, 9.0, 2, "maximize"),  # the default is the best
    ([4.0, 4.0, 4.0], 3, 4.0, 2, "maximize"),  # all are equal
    ([6.0, 5.0], 2, 1.0, 2, "maximize"),  # all is drawn
    ([], 3, 1.0, 2, "minimize"),  # all others fail
    ([], 3, None, 2, "minimize"),
    ([7.0, 6.0], 2, 1.0, 0, "maximize"),  # the default alone
]


@pytest.mark.parametrize("table", TABLES)
def test_it_is_what_every_deal_gives(table):
    exact, direction = exact_random(*table), table[-1]
    best = dealt(*table)

    for value in {v for v in [*table[0], table[2], 0.5, 3.5, 100.0] if v is not None}:
        good = [
            b is not None and (b >= value if direction == "maximize" else b <= value) for b in best
        ]
        assert exact.chance(value) == pytest.approx(sum(good) / len(best))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("share", [0.03, 0.05, 0.31, 0.5, 0.77, 0.95])
def test_its_quantiles_are_those_of_every_deal(table, share):
    direction, best = table[-1], dealt(*table)

    def luck(found):
        return (
            found is not None,
            0.0 if found is None else found if direction == "maximize" else -found,
        )

    ordered = sorted(best, key=luck)
    place = next(n for n in range(1, len(best) + 1) if n / len(best) >= share - 1e-9)
    assert exact_random(*table).quantile(share) == ordered[place - 1]


def test_more_draws_than_there_are_configurations_find_the_best():
    exact = exact_random([3.0, 2.0], 5, 1.0, 50, "maximize")

    assert (exact.draws, exact.unlucky, exact.median, exact.lucky) == (5, 3.0, 3.0, 3.0)


def test_a_large_table_agrees_with_a_simulation():
    rng = random.Random(0)
    values = [rng.lognormvariate(0, 1) for _ in range(180)]
    cards = [*values, *[float("inf")] * 59]

    exact = exact_random(values, 239, 1.1, 10, "minimize")

    found = [min(1.1, *rng.sample(cards, 10)) for _ in range(20_000)]
    for value in sorted(values)[:20:4]:
        share = sum(f <= value for f in found) / len(found)
        assert exact.chance(value) == pytest.approx(share, abs=0.012)
    assert exact.chance(exact.median) >= 0.5
    assert exact.median == pytest.approx(statistics.median(found), rel=0.03)


def test_the_method_itself_draws_so(project):
    small = next(s for s in plan(project).studies if s.method.name == "random")
    budget = small.cell.budget.model_copy(update={"proposals": 3})
    cell = small.cell.model_copy(update={"budget": budget})
    evaluator, found = evaluator_of(project), []
    for seed in range(600):
        study = small._replace(cell=cell, seed=seed)
        trials = list(run_study(study, optimizer(study, None, project / "prompts"), evaluator, []))
        best = cell.objective.best(trials)
        found.append(best.value(cell.objective.metric))

    exact = exact_random(
        [30.0, 80.0], 5, 60.0, 2, "maximize"
    )  # tests/support.py, Q4_0 and a crash out

    assert exact.chance(80.0) == pytest.approx(0.4)
    assert sum(f >= 79.0 for f in found) / len(found) == pytest.approx(0.4, abs=0.06)
