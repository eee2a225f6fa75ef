"""What a study may spend, and what the budget check says beforehand."""

import json
from types import MappingProxyType

import pytest
from support import SUITE, evaluator_of

from haqa_bench import suite
from haqa_bench.budget import Budget, Spent, spent_by
from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Outcome, Proposal
from haqa_bench.registry import optimizer
from haqa_bench.run import forecast
from haqa_bench.run import study as studies
from haqa_bench.run.plan import Plan
from haqa_bench.trial import Measurement, Source, Status, Trial, Usage

WINNER = ("IQ4_NL", 2)


def trial(number, **what):
    return Trial(**{"number": number, "configuration": {"n": number}, "status": Status.OK, **what})


def test_repeats_and_invalid_proposals_are_no_evaluations():
    usage = Usage(seconds=1.5, prompt_tokens=100, completion_tokens=20, dollars=0.25)
    trials = [
        trial(0, seconds=2.0),
        trial(1, repeat_of=0, seconds=0.0),
        trial(2, configuration=None, status=Status.INVALID, usage=usage),
        trial(3, status=Status.TIMEOUT, seconds=120.0),
    ]

    assert spent_by(trials) == Spent(
        proposals=4, evaluations=2, seconds=123.5, tokens=120, dollars=0.25
    )


@pytest.mark.parametrize(
    ("limit", "spent"),
    [
        ({"evaluations": 2}, Spent(proposals=2, evaluations=2)),
        ({"seconds": 5.0}, Spent(proposals=2, seconds=5.5)),
        ({"tokens": 1000}, Spent(proposals=2, tokens=1000)),
        ({"dollars": 0.1}, Spent(proposals=2, dollars=0.11)),
    ],
)
def test_a_study_ends_when_its_first_ledger_is_empty(limit, spent):
    budget = Budget(proposals=10, **limit)

    assert budget.left(Spent(proposals=2)) == 8
    assert budget.left(spent) == 0


def test_a_reserve_is_beyond_seconds_and_needs_them():
    budget = Budget(proposals=10, seconds=5.0, reserve=4.0)
    spent = Spent(proposals=2, seconds=5.5)

    assert budget.left(spent) == 0
    assert budget.left(spent, reserve=True) == 8
    assert budget.left(spent._replace(seconds=9.0), reserve=True) == 0
    assert "reserve" not in Budget(proposals=10, seconds=5.0).model_dump()
    with pytest.raises(ValueError, match="there are none"):
        Budget(proposals=10, reserve=4.0)


class InTurn:
    """An optimizer that proposes what it was given, one after the other."""

    settings = MappingProxyType({})
    start_up = 0

    def __init__(self, *configurations):
        self.configurations = configurations

    def ask(self, history):
        format_, n_threads = self.configurations[len(history) - 1]
        return Proposal({"format": format_, "n_threads": n_threads})


class Seconds:
    """An evaluator that takes a second; IQ4_NL alone is faster than all others."""

    def __init__(self, metric):
        self.metric = metric

    def measure(self, configuration):
        speed = 2.0 if configuration["format"] == "IQ4_NL" else 1.0
        found = Measurement(
            name=self.metric.metric,
            value=speed,
            unit=self.metric.unit,
            source=Source.MEASURED,
            samples=(speed,),
            used=1,
        )
        return Outcome((found,), {}, 1.0)


SLOW = (("Q4_0", 1), ("Q4_1", 1), ("Q4_0", 2))


@pytest.mark.parametrize(
    ("proposed", "tried"),
    [
        (SLOW, 3),  # until the reserve is spent
        ((SLOW[0], WINNER), 2),
        ((WINNER,), 1),
    ],
    ids=["nothing found", "found in the reserve", "found before"],
)
def test_a_search_goes_on_in_the_reserve_as_long_as_its_default_is_the_best(
    project, proposed, tried
):
    study = suite.load(project / "suites/small.yaml", project).studies()[0]
    changes = {
        "budget": Budget(proposals=20, seconds=2.0, reserve=2.0),
        "objective": study.cell.objective.model_copy(update={"constraints": ()}),
    }
    study = study._replace(cell=study.cell.model_copy(update=changes))

    trials = list(studies.run_study(study, InTurn(*proposed), Seconds(study.cell.objective), []))

    assert len(trials) == 1 + tried


class Talks:
    """An optimizer whose proposals cost tokens."""

    settings = MappingProxyType({})
    start_up = 0

    def ask(self, history):
        format_ = ["Q4_0", "IQ4_NL", "Q4_1"][len(history) % 3]
        usage = Usage(seconds=0.5, prompt_tokens=1000, completion_tokens=100)
        return Proposal({"format": format_, "n_threads": 2}, usage=usage)


def test_an_llm_s_tokens_are_priced_and_a_dollar_limit_ends_the_study(project):
    study = suite.load(project / "suites/small.yaml", project).studies()[0]
    price = suite.Price(
        usd_per_million_prompt_tokens=30.0,
        usd_per_million_completion_tokens=60.0,
        source="the provider's list",
    )
    cell = study.cell.model_copy(update={"budget": Budget(proposals=20, dollars=0.07)})

    trials = list(
        studies.run_study(
            study._replace(cell=cell, price=price), Talks(), evaluator_of(project), []
        )
    )

    assert trials[1].usage.dollars == pytest.approx(0.036)
    assert len(trials) == 3  # the default, which asks nobody, and two proposals of 3.6 cents


def test_a_price_that_is_not_known_is_no_dollars_not_zero(project):
    study = suite.load(project / "suites/small.yaml", project).studies()[0]

    trials = list(studies.run_study(study, Talks(), evaluator_of(project), []))

    assert trials[1].usage.dollars is None
    assert trials[1].usage.tokens == 1100


def test_the_seconds_of_a_recorded_evaluation_are_charged_and_a_repeat_costs_none(project):
    study = suite.load(project / "suites/small.yaml", project).studies()[0]
    evaluator = evaluator_of(project)
    key = next(
        k for k, outcome in evaluator.outcomes.items() if "Q4_0" in k and '"n_threads":2' in k
    )
    slow = evaluator.outcomes[key]._replace(seconds=7.0)
    evaluator.outcomes = {**evaluator.outcomes, key: slow}

    trials = list(studies.run_study(study, Talks(), evaluator, []))

    assert [t.seconds for t in trials if t.configuration == {"format": "Q4_0", "n_threads": 2}] == [
        7.0
    ]
    assert [t.seconds for t in trials if t.repeat_of is not None] == [0.0, 0.0]


def with_method(project, method, proposals=11):
    path = project / "suites/small.yaml"
    path.write_text(
        SUITE.replace("methods:\n", f"methods:\n  - {method}\n").replace(
            "proposals: 5", f"proposals: {proposals}"
        )
    )
    loaded = suite.load(path, project)
    return Plan(loaded, project, [s for s in loaded.studies() if s.method.name == "mine"])


@pytest.mark.parametrize(
    ("method", "drawn"),
    [
        ("{name: mine, optimizer: tpe, options: {n_startup_trials: 10}}", "9 of its 10 proposals"),
        (
            "{name: mine, optimizer: nsga2, options: {population_size: 50}}",
            "10 of its 10 proposals",
        ),
        ("{name: mine, optimizer: gp, options: {n_startup_trials: 8}}", "7 of its 10 proposals"),
    ],
    ids=["TPE with Optuna's default", "NSGA-II with Optuna's default", "a GP that starts late"],
)
def test_a_method_that_cannot_leave_its_random_phase_is_warned_of(project, method, drawn):
    (warning,) = forecast.warnings(with_method(project, method))

    assert warning.startswith(f"mine on net-int4-epyc-zen4-2core: {drawn} are random draws")


@pytest.mark.parametrize("name", ["tpe", "nsga2", "gp", "random", "local", "default", "rules"])
def test_our_settings_leave_the_random_phase(project, name):
    assert forecast.warnings(with_method(project, f"{{name: mine, optimizer: {name}}}")) == []


def test_the_command_tells_the_warning_and_runs(project, cli):
    with_method(project, "{name: mine, optimizer: nsga2, options: {population_size: 50}}")

    done = cli("run", project / "suites/small.yaml", "--methods", "mine")
    checked = cli("suite", "validate", project / "suites/small.yaml")

    assert done.returncode == checked.returncode == 0
    assert (
        "Budget check: mine on net-int4-epyc-zen4-2core: 10 of its 10 proposals are random draws"
        in done.stderr
    )
    assert "Budget check: mine on" in checked.stderr


def test_the_settings_that_took_effect_are_journalled(project, cli):
    with_method(project, "{name: mine, optimizer: tpe, options: {n_startup_trials: 4}}")

    cli("run", project / "suites/small.yaml", "--methods", "mine")

    header = json.loads(next(project.rglob("mine-s0.jsonl")).read_text().splitlines()[0])
    assert header["settings"] == {
        "multivariate": True,
        "n_ei_candidates": 24,
        "n_startup_trials": 4,
        "redraws": 20,
    }


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "{name: mine, optimizer: tpe, options: {n_startup: 4}}",
            "unknown option 'n_startup'. Did you mean 'n_startup_trials'?",
        ),
        (
            "{name: mine, optimizer: tpe, options: {n_startup_trials: 4.5}}",
            "n_startup_trials: 4.5 is no int",
        ),
        (
            "{name: mine, optimizer: random, options: {population: 4}}",
            "unknown option 'population'. 'random' has none",
        ),
    ],
)
def test_an_option_that_is_unknown_or_of_the_wrong_type_is_one_clear_line(project, method, message):
    plan = with_method(project, method)

    with pytest.raises(HaqaError, match="method 'mine': options") as fault:
        optimizer(plan.studies[0], None, project / "prompts")
    assert message in str(fault.value)
