"""QLoRA with the paper's ten parameters: how long a training is, what is fed back of it, and what
every table says of numbers that are tuned on what they report. Trainings are stood in for; one is
real, of a model of some thousand weights.
"""

import importlib.util
import json
import math
from contextlib import nullcontext
from types import MappingProxyType, SimpleNamespace

import pytest
from support import REPOSITORY, row_texts, small_project, tables_of

from haqa_bench import suite
from haqa_bench.backends.jobs import Example
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.project import Project, open_run
from haqa_bench.report import explain, formats
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.page import page
from haqa_bench.report.paper import catalogue
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.tasks import lm_eval
from haqa_bench.tracks.qlora.evaluator import QloraEvaluator
from haqa_bench.tracks.qlora.jobs import Loss, Scores, Settings, Trained, with_defaults
from haqa_bench.tracks.qlora.results import standard_error

needs_torch = pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="needs peft")

TASKS = ("boolq", "rte", "winogrande", "openbookqa", "arc_challenge", "arc_easy")
EIGHT = (*TASKS, "hellaswag", "mathqa")
MARK = "tuned on what it reports"
TEXT = """\
name: protocols
models:
  Net: {transformers: "hub:net", architecture: llama, parameters: 1}
methods:
  - {name: default, optimizer: default}
  - {name: random, optimizer: random}
seeds: [0]
cells:
  - track: qlora
    models: [Net]
    bit_widths: [INT4]
    hardware: [epyc-zen4-2core]
    workload: {data: a.json, items: 20}
    space:
      learning_rate: {float: {low: 0.00001, high: 0.001, log: true}, default: 0.0004}
      max_steps: {int: {low: 10, high: 50}, default: 20}
    measurement: {tests: 2}
    objective: {metric: held_out_loss}
    budget: {proposals: 3}
  - track: qlora
    models: [Net]
    bit_widths: [INT4]
    hardware: [epyc-zen4-2core]
    workload: {data: a.json, items: 20, feedback: tasks}
    space:
      learning_rate: {float: {low: 0.00001, high: 0.001, log: true}, default: 0.0004}
      max_steps: {int: {low: 10, high: 50}, default: 20}
    measurement: {tests: 2}
    objective: {metric: average_accuracy}
    budget: {proposals: 3}
"""
OURS, PAPERS = "net-int4-epyc-zen4-2core-qlora", "net-int4-epyc-zen4-2core-qlora-tasks"


class StandIn(QloraEvaluator):
    """All of an evaluator but the training: what it makes grows with its steps, and a task's number
    of right answers with its place among the eight. `asked` holds the jobs.
    """

    machine = "a test machine"
    made_of = MappingProxyType({"model": "m"})

    def __init__(self, cell):
        self.cell, self.workload, self.bits = cell, cell.workload, 4
        self.base = SimpleNamespace(name="net", gguf=None, identity="m")
        self.tasks, self.asked = lm_eval.Tasks(cell.workload.tasks, {}), []

    def _tokenized(self):
        return "tokens.json"

    def _train(self, job):
        self.asked.append(job)
        names = job.tasks.names if job.tasks else ()
        scores = {
            name: _scores(3 + place + job.steps // 10, 20) for place, name in enumerate(names)
        }
        losses = () if job.tasks else (Loss(40.0 - job.steps / 10, 10), Loss(20.0, 10))
        return Trained(losses, scores, 1.5, 10**9, {"steps": str(job.steps)})


class Alone(Serial):
    """Needs no machine for itself, since nothing is measured."""

    def hold(self, plan):
        return nullcontext()


def _scores(right, of):
    answers = tuple(int(item < right) for item in range(of))
    return Scores(tuple(range(of)), answers, answers)


def cells_of(folder, text=TEXT):
    path = folder / "protocols.yaml"
    path.write_text(text)
    return suite.load(path, REPOSITORY).cells


def refused(folder, *changes):
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(HaqaError) as error:
        cells_of(folder, text)
    return str(error.value)


# How long a training is


@pytest.mark.parametrize(
    ("given", "seen", "steps"),
    [
        ({"max_steps": 400}, None, 400),
        ({"max_steps": 400}, 64, 400),
        ({"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}, 64, 8),
        ({"per_device_train_batch_size": 16, "gradient_accumulation_steps": 32}, 64, 1),
    ],
)
def test_max_steps_decides_how_long_a_training_is_or_else_its_examples(given, seen, steps):
    assert with_defaults(given).steps(seen) == steps


def test_a_training_of_no_steps_or_of_no_known_length_is_refused():
    with pytest.raises(EvaluationFailed, match="max_steps 0 trains nothing"):
        Settings(max_steps=0).steps(None)
    with pytest.raises(EvaluationFailed, match="neither max_steps nor examples"):
        Settings().steps(None)


def test_a_suite_says_how_long_once(tmp_path):
    steps = "      max_steps: {int: {low: 10, high: 50}, default: 20}\n"
    items = "items: 20, feedback"

    assert "examples is missing" in refused(tmp_path, (steps, ""))
    assert "leave it out" in refused(tmp_path, (items, "examples: 64, items: 20, feedback"))


def test_all_ten_parameters_of_the_paper_are_settings_of_both_suites():
    ten = {
        "learning_rate",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "weight_decay",
        "max_steps",
        "max_grad_norm",
        "lora_r",
        "lora_alpha",
        "lora_dropout",
        "warmup_ratio",
    }
    for name in ("qlora", "qlora-full"):
        for cell in suite.load(REPOSITORY / f"suites/paper/{name}.yaml", REPOSITORY).cells:
            assert set(cell.space.root) == ten
            assert with_defaults(cell.space.default).steps(cell.workload.examples) > 0
            assert cell.budget.proposals == 11


def test_what_is_left_out_of_a_workload_is_no_part_of_its_json(tmp_path):
    ours, papers = cells_of(tmp_path)
    recorded = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[2]

    assert not {"examples", "feedback"} & ours.workload.model_dump().keys()
    assert papers.workload.model_dump()["feedback"] == "tasks"
    assert recorded.workload.model_dump()["examples"] == 64
    assert "feedback" not in recorded.workload.model_dump()


@needs_torch
def test_examples_that_are_too_few_are_seen_again_and_the_facts_say_so(monkeypatch):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from haqa_bench.tracks.qlora.jobs import Quantized, Train
    from haqa_bench.tracks.qlora.worker import train

    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "vocab_size": 32}
    heads = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    settings = with_defaults(
        {
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 2,
            "max_steps": 6,
            "warmup_ratio": 0.5,
        }
    )
    job = Train(
        quantized=Quantized("net", None, "float32"),
        settings=settings,
        examples="",
        steps=settings.steps(None),
        seed=0,
        threads=1,
    )
    examples = [Example((1, 2, 3 + i), (-100, 2, 3 + i)) for i in range(8)]

    tuned = train.train(LlamaForCausalLM(LlamaConfig(**sizes, **heads)), 0, examples, job, settings)

    assert tuned.facts["steps"] == "6"
    assert tuned.facts["warmup_steps"] == "3"
    assert (tuned.facts["examples"], tuned.facts["epochs"]) == ("8", "3")  # 6 x 4 of 8
    assert len(tuned.curve.losses) == 6


# What is fed back


def test_ours_feeds_back_a_loss_held_out_and_the_papers_the_tests_own_results(tmp_path):
    ours, papers = (StandIn(cell) for cell in cells_of(tmp_path))
    tried = {"learning_rate": 0.0004, "max_steps": 20}

    loss, tasks = ours.sample(tried, 0), papers.sample(tried, 0)
    test = papers.test(tried, 1000)

    assert ours.asked[0].tasks is None
    assert [m.name for m in loss.measurements] == ["held_out_loss", "train_loss", "peak_memory_mb"]
    assert papers.asked[0].tasks == papers.asked[1].tasks  # the very items that test
    values = {m.name: m.value for m in tasks.measurements}
    assert values["boolq_acc"] == 25.0  # 5 of 20
    assert values["boolq_acc_stderr"] == pytest.approx(100 * math.sqrt(0.25 * 0.75 / 19))
    assert values["average_accuracy"] == pytest.approx(
        sum(values[f"{name}_acc"] for name in EIGHT) / 8
    )
    assert not any(name.endswith("_norm") for name in values)  # plain acc, as the paper
    assert (
        values["average_accuracy"]
        == {m.name: m.value for m in test.measurements}["average_accuracy"]
    )


@pytest.mark.parametrize(("right", "error"), [((1, 0, 1, 1), 0.25), ((1,), 0.0), ((1, 1), 0.0)])
def test_a_standard_error_is_lm_evals(right, error):
    assert standard_error(right) == pytest.approx(error)


def test_the_tasks_are_metrics_that_prompts_show_where_they_are_fed_back(tmp_path):
    from haqa_bench import tracks

    ours, papers = cells_of(tmp_path)

    shown = {
        cell.id: {
            name
            for name, metric in tracks.of(cell).metrics_of(cell.workload).items()
            if metric.prompted
        }
        for cell in (ours, papers)
    }

    assert {f"{n}_acc" for n in EIGHT} | {f"{n}_acc_stderr" for n in EIGHT} <= shown[PAPERS]
    assert not any("acc" in name for name in shown[OURS])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ([("metric: average_accuracy", "metric: held_out_loss")], "no loss is measured"),
        ([("feedback: tasks", "feedback: tasks, tuning_items: 5")], "other items than those"),
        ([(", feedback: tasks", "")], "tuned on items that do not test"),
        ([("feedback: tasks", "feedback: all")], "feedback"),
        ([("feedback: tasks", "feedback: tasks, tasks: []")], "tasks"),
    ],
)
def test_feedback_and_objective_fit(tmp_path, changes, complaint):
    assert complaint in refused(tmp_path, *changes)


def test_the_joint_track_feeds_back_a_loss_alone(tmp_path):
    text = (REPOSITORY / "suites/joint.yaml").read_text()
    changed = text.replace("examples: ", "feedback: tasks, examples: ", 1)
    (tmp_path / "joint.yaml").write_text(changed)

    with pytest.raises(HaqaError, match="feedback"):
        suite.load(tmp_path / "joint.yaml", REPOSITORY)


# What is printed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A project, and a live run of both ways of feedback there."""
    project = small_project(tmp_path_factory.mktemp("protocols"))
    path = project / "suites" / "protocols.yaml"
    path.write_text(TEXT)
    found = suite.load(path, project)
    plan = Plan(found, project, found.studies(), measure="live")
    list(runner.run(plan, plan.folder, Alone({c.id: StandIn(c) for c in found.cells})))
    return project, plan.folder


def test_each_way_of_feedback_has_a_table_of_its_own_metric(run):
    project, folder = run

    made = tables_of(folder, project)

    loss, tasks = made["table2"], made["table2-average-accuracy"]
    assert {key.cell for key in loss.keys} == {OURS}
    assert {key.cell for key in tasks.keys} == {PAPERS}
    assert "held_out_loss, nats" in loss.headings
    assert "average_accuracy, %" in tasks.headings


@pytest.mark.parametrize("kind", ["md", "tex", "html", "json", "text"])
def test_every_form_says_what_is_tuned_on_what_it_reports(run, kind):
    project, folder = run
    made = tables_of(folder, project)

    def told(name):
        text = formats.printed(made[name], name, kind)
        return " ".join(text.lower().split())

    assert MARK in told("table2-average-accuracy")
    assert "on the items that tuning saw" in told("table2-average-accuracy")
    assert MARK not in told("table2")
    assert "items that no tuning has seen" in told("table2")


def test_compare_says_it_too(run, cli):
    project, folder = run

    done = cli("compare", folder, "--project", project, "--format", "md")

    assert done.returncode == 0, done.stderr
    assert f"{MARK} ({PAPERS})" in done.stdout.lower()


def test_page_and_explain_say_it_too(run, tmp_path):
    project, folder = run

    written = page.write_runs([folder], tmp_path / "page.html", project).read_text()
    with open_run(folder) as opened:
        made = tables_of(folder, project)
        where = explain.find(made, f"table2-average-accuracy:{PAPERS}/random/test-accuracy")
        told = explain.explain(Ledger(opened, Project(project)), where)

    assert MARK in written.lower()
    assert told.agrees
    assert MARK in told.as_json()["remarks"][0].lower()


def test_table_2_in_the_papers_layout_has_a_column_for_each_task_and_tells_the_two_apart(run):
    project, folder = run
    with open_run(folder) as opened:
        table = catalogue.tables(opened, Project(project))["table2"]

    rows = [row for row in row_texts(table) if row["Whose"] == "ours"]
    heads = [h.removesuffix(", %") for h in rows[0]]
    by_cell = {row["Cell"]: row for row in rows if row["Method"] == "default"}

    for task in ("BoolQ", "RTE", "Winogrande", "OpenBookQA", "ARC-C", "ARC-E", "HellaSwag"):
        assert task in heads
    assert by_cell[PAPERS]["BoolQ"].startswith("25.00")
    mean = sum(range(5, 13)) / 8 / 20 * 100
    assert by_cell[PAPERS]["Mean"] == f"{mean:.2f}"
    assert MARK in by_cell[PAPERS]["Stands in"]
    assert MARK not in by_cell[OURS]["Stands in"]
    assert {m for row in rows if (m := row["Model"]).startswith("(")} == {"(a) Net", "(b) Net"}
    assert any(MARK in note.lower() and PAPERS in note for note in table.notes)
    published = next(row for row in row_texts(table) if row["Whose"] == "the paper's")
    assert (published["AVG"], published["Mean"]) == ("62.04", "57.84")  # recomputed beside


def test_the_wide_table_has_a_column_for_each_task_and_each_is_explained(run):
    project, folder = run
    made = tables_of(folder, project)
    table = made["table2-average-accuracy"]

    default = next(row for row in row_texts(table) if row["Method"] == "default")
    with open_run(folder) as opened:
        where = f"table2-average-accuracy:{PAPERS}/random/test-mathqa-acc"
        told = explain.explain(Ledger(opened, Project(project)), explain.find(made, where))

    assert default["Test boolq_acc, %"] == "25.00"
    assert [f"Test {name}_acc, %" in table.headings for name in EIGHT] == [True] * 8
    assert told.agrees
    assert told.number.value.text in (told.number.table.cells[told.number.row])


def test_merge_trains_with_the_best_that_was_recorded(run):
    from haqa_bench.cli.merge import _best

    project, _ = run
    ours = suite.load(project / "suites/protocols.yaml", project).cells[0]

    best = _best(ours, project)

    lines = (project / f"results/trials/qlora/{OURS}.jsonl").read_text().splitlines()
    steps = [json.loads(x)["configuration"]["max_steps"] for x in lines if "held_out_loss" in x]
    assert best["max_steps"] == max(steps)  # the stand-in's loss falls with its steps


def test_the_tasks_results_are_kept_item_by_item(run):
    project, _ = run
    lines = (project / f"results/trials/qlora/{PAPERS}.jsonl").read_text().splitlines()

    trials = [json.loads(line) for line in lines if '"mathqa_acc"' in line]
    default = next(t for t in trials if t["configuration"]["max_steps"] == 20)

    assert default["facts"]["mathqa_acc"] == "1" * 12 + "0" * 8
