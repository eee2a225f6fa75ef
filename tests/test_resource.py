"""A budget in what trainings take: epochs or steps, charged alike to every method of a cell."""

import json
from types import MappingProxyType

import pytest
from falling import RANGES, Falling
from support import REPOSITORY, TRAINING_SUITE, small_project
from test_successive_halving import studies

from haqa_bench.budget import Budget, Resource
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.project import Project
from haqa_bench.protocols import Proposal
from haqa_bench.registry import optimizer
from haqa_bench.run import forecast
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import finished, run_study
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.suite import load
from haqa_bench.trial import Status, Trial

CUT_SHORT = {"steps": "30", "planned_steps": "100", "learning_curve": "30:9.1"}


def trial(number, epochs=12, status=Status.OK, **what):
    return Trial(number=number, configuration={"epochs": epochs}, status=status, **what)


@pytest.mark.parametrize(
    ("one", "charged"),
    [
        (trial(1), 12),
        (trial(1, repeat_of=0), 0),
        (trial(1).model_copy(update={"configuration": None, "status": Status.INVALID}), 0),
        (trial(1, status=Status.DIVERGED, facts=CUT_SHORT), 4),
        (trial(1, status=Status.DIVERGED), 12),
        (trial(1, status=Status.TIMEOUT), 12),
        (trial(1, status=Status.OVER_BUDGET, epochs=99), 50),
        (trial(1, facts=CUT_SHORT), 12),
    ],
    ids=[
        "what was to be trained",
        "a repeat trains nothing",
        "nor does what was never proposed",
        "what diverged: the epochs that it began",
        "or all, where nobody knows",
        "a training that took too long",
        "what there was no room for: what was left",
        "what came to its end",
    ],
)
def test_a_trial_is_charged_what_it_trains(one, charged):
    budget = Budget(proposals=9, resource=Resource(parameter="epochs", at_most=50))

    assert budget.spent([one]).resource == charged
    assert budget.left(budget.spent([one])) == (8 if charged < 50 else 0)


class Greedy:
    """Always asks for the longest training."""

    settings = MappingProxyType({})
    start_up = 0

    def ask(self, history):
        rate = 0.001 + len(history) / 1000
        return Proposal({"learning_rate": round(rate, 4), "momentum": 0.5, "epochs": 25})


def test_a_study_never_trains_more_than_its_budget_and_says_what_had_no_room(tmp_path):
    study = studies(tmp_path, "random")[0]

    trials = list(run_study(study, Greedy(), Falling(), []))

    assert [t.status.value for t in trials] == ["ok", "ok", "ok", "ok", "over_budget"]
    assert trials[-1].reason == "epochs is 25, and 6 of 108 are left"
    assert trials[-1].seconds == 0.0
    assert study.cell.budget.spent(trials).resource == 108
    assert study.cell.budget.spent(trials).evaluations == 4
    assert list(run_study(study, Greedy(), Falling(), trials)) == []
    assert finished(Plan(None, tmp_path, []), study, trials)


@pytest.mark.parametrize("method", ["random", "tpe", "gp", "local", "nsga2", "asha", "hyperband"])
def test_all_methods_of_a_cell_have_the_same_epochs(tmp_path, method):
    text = RANGES.replace("methods:\n", f"methods:\n  - {{name: mine, optimizer: {method}}}\n")
    study = studies(tmp_path, "mine", text.replace("proposals: 60", "proposals: 200"))[0]
    made = optimizer(study, None, REPOSITORY / "prompts")

    trials = list(run_study(study, made, Falling(), []))

    assert study.cell.budget.spent(trials).resource == 108
    taken = sum(t.configuration["epochs"] for t in trials if t.status is Status.OK)
    assert taken <= 108


def test_a_budget_without_a_resource_is_written_as_it_always_was(tmp_path):
    assert "resource" not in Budget(proposals=4).model_dump(mode="json")
    lock = json.loads(studies(tmp_path, "random")[0].cell.model_dump_json())
    assert lock["budget"]["resource"] == {"parameter": "epochs", "at_most": 108}


def test_a_prompt_says_what_is_left(tmp_path):
    cell = studies(tmp_path, "random")[0].cell
    trials = [
        Trial(number=0, configuration=dict(cell.space.default), status=Status.OK),
        Trial(
            number=1,
            configuration=dict(cell.space.default) | {"epochs": 10},
            status=Status.DIVERGED,
            reason="the loss is nan",
            facts=CUT_SHORT,
        ),
    ]

    said = Prompts(REPOSITORY / "prompts").dynamic(cell, trials)
    turn = Conversation(REPOSITORY / "prompts").messages(cell, trials)[-1].content

    assert "Budget of epochs for all rounds together: 78 of 108 left." in said
    assert "Rounds left, at most, this one included: 58." in said
    assert "epochs left for all rounds together: 78 of 108;" in turn
    assert "Training losses, in order: 9.1" in turn


def test_the_forecast_says_what_may_be_trained(tmp_path):
    chosen = studies(tmp_path, "random")
    plan = Plan(load(tmp_path / "ranges.yaml", REPOSITORY), REPOSITORY, chosen)

    assert "at most 120 trials and 216 epochs in all;" in forecast.forecast(plan)[0]


def test_tables_say_the_budget_of_what_trainings_may_take(tmp_path, cli):
    project = small_project(tmp_path)
    text = TRAINING_SUITE.replace("BITS", "w2a2").replace(
        "batch_size: {choices: [32], default: 32}", "epochs: {choices: [1, 2], default: 1}"
    )
    text = text.replace(
        "{proposals: 3}", "{proposals: 6, resource: {parameter: epochs, at_most: 5}}"
    )
    path = project / "suites" / "train.yaml"
    path.write_text(text)
    cell = load(path, project).cells[0]
    card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
    readings = [{"name": "valid_accuracy", "unit": "%", "samples": [50.0]}]
    common = {"pass": 0, "status": "ok", "reason": "", "readings": readings, "facts": {}}
    rows = [{"configuration": key_of(c), **common} for c in cell.space.grid()]
    tables.write(Project(project).table(cell), card, rows)

    done = cli("run", path, "--project", project)
    compared = cli("compare", "train", "--project", project, "--format", "json")

    said = "Budget of each study: 5 epochs in all, of all its trainings;"
    assert done.returncode == 0, done.stderr
    assert said in done.stdout.replace("\n  ", " ")
    assert said in compared.stdout
    shown = cli("suite", "show", path, "--project", project).stdout
    assert "6 proposals, 5 epochs" in shown
