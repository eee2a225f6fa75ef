"""The tracks that train: what is read at the door, how a training is watched, one real training,
and how winners are tested.
"""

import importlib.util
import json
import math
import zipfile

import pytest
from support import REPOSITORY, TRAINING_SUITE, write_images

from haqa_bench import suite, tracks
from haqa_bench.backends.workers.frame import is_memory_fault
from haqa_bench.backends.workers.training import Curve, Diverged, factor
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, subject_key
from haqa_bench.run import confirm
from haqa_bench.space import key_of
from haqa_bench.tasks import images, instructions, lm_eval
from haqa_bench.tasks.folder import data_folder
from haqa_bench.tracks.qat.evaluator import QatEvaluator
from haqa_bench.tracks.qlora.evaluator import QloraEvaluator, share_in_common
from haqa_bench.tracks.training import FULL_PRECISION, ROUNDED
from haqa_bench.trial import Measurement, Source, Status

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")


def cell_of(tmp_path, bits="w2a2", text=TRAINING_SUITE):
    path = tmp_path / "train.yaml"
    path.write_text(text.replace("BITS", bits))
    return suite.load(path, REPOSITORY).cells[0]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of its own, with a CIFAR-10 of 20 images a class to train on and one to test:
    class by brightness.
    """
    folder = tmp_path / "data"
    (folder / "cifar10").mkdir(parents=True)
    monkeypatch.setenv("HAQA_BENCH_DATA", str(folder))
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


# How a training is watched


def test_a_loss_that_is_no_number_is_divergence():
    curve = Curve(10, limit=4.6)
    curve.add(2.3)

    with pytest.raises(Diverged, match="nan at step 2 of 10"):
        curve.add(math.nan)


def test_a_loss_worse_than_guessing_is_divergence_but_a_bad_start_is_not():
    curve = Curve(100, limit=4.6)
    for loss in [30.0] * 3:
        curve.add(loss)

    curve.add(30.0)
    curve.add(30.0)
    with pytest.raises(Diverged, match=r"worse than 4\.60"):
        curve.add(30.0)


def test_a_loss_that_ends_worse_than_guessing_is_divergence():
    curve = Curve(3, limit=4.6)
    for loss in (2.3, 2.3, 9.0):
        curve.add(loss)

    with pytest.raises(Diverged, match=r"9\.00 after all 3 steps"):
        curve.end()


def test_without_a_limit_twice_the_first_loss_is_too_much():
    curve = Curve(40)
    for loss in (2.0, 3.9, 3.9, 3.9):
        curve.add(loss)

    with pytest.raises(Diverged, match=r"worse than 4\.00"):
        curve.add(19.0)


def test_a_curve_keeps_twenty_points_that_average_all_steps():
    curve = Curve(100, limit=1e9)
    for step in range(100):
        curve.add(float(step))

    assert len(curve.points) == 20
    assert curve.points[0] == (5, 2.0)
    assert curve.points[-1] == (100, 97.0)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1, 1, 1, 1]),
        ("step", [1, 0.1, 0.01, 0.001]),
        ("cosine", [1.0, 0.5, 0.0955, 0.0062]),
    ],
)
def test_schedules_fall_where_they_should(schedule, factors):
    at = {"constant": (0, 50, 80, 95), "step": (0, 30, 60, 90), "cosine": (0, 50, 80, 95)}[schedule]

    assert [factor(schedule, step, 100, 0.0) for step in at] == pytest.approx(factors, abs=1e-3)


def test_a_warm_up_rises_to_the_whole_rate():
    assert [round(factor("constant", step, 100, 0.04), 2) for step in range(5)] == [
        0.25,
        0.5,
        0.75,
        1.0,
        1.0,
    ]


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't "
                "allocate memory: you tried to allocate 1 bytes."
            ),
            True,
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("could not create a primitive"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_want_of_memory_is_told_from_other_faults(error, memory):
    assert is_memory_fault(error) == memory


# What is read at the door


def test_a_data_folder_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HAQA_BENCH_DATA", str(tmp_path / "none"))

    with pytest.raises(HaqaError, match="no such data folder"):
        data_folder()


def test_missing_and_damaged_images_are_named(data):
    with pytest.raises(HaqaError, match=r"cifar10/train\.zip: No such file"):
        images.cifar10()

    for part in ("train", "test"):
        (data / "cifar10" / f"{part}.zip").write_bytes(b"PK no zip at all")
    with pytest.raises(HaqaError, match=r"train\.zip: (damaged|Pillow is not installed)"):
        images.cifar10()


def test_a_damaged_picture_is_named(data):
    pytest.importorskip("PIL")
    write_images(data, {"train": 2, "test": 1})
    path = data / "cifar10" / "train.zip"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("class0/9999.jpg", b"not a picture")

    with pytest.raises(HaqaError, match=r"train\.zip: damaged"):
        images.cifar10()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[", "not JSON"),
        ("{}", "holds no list"),
        ('[{"instruction": "a"}]', "item 0: output: Field required"),
        ('[{"instruction": "a", "output": "b"}, 7]', "item 1"),
    ],
)
def test_instructions_of_another_form_are_named(data, text, complaint):
    (data / "a.json").write_text(text)

    with pytest.raises(HaqaError, match=complaint):
        instructions.load("a.json")


def test_instructions_stay_below_the_data_folder(data):
    with pytest.raises(HaqaError, match="must lie below the data folder"):
        instructions.load("../a.json")


def test_instructions_are_read_from_json_and_jsonl(data):
    items = [
        {"instruction": "Add.", "input": "1 2", "output": "3", "more": 1},
        {"instruction": "Sing.", "input": "", "output": "La"},
    ]
    (data / "a.json").write_text(json.dumps(items))
    (data / "a.jsonl").write_text("\n".join(map(json.dumps, items)))

    found = instructions.load("a.json")

    assert found == instructions.load("a.jsonl")
    assert "### Input:\n1 2" in found[0].prompt
    assert "Input" not in found[1].prompt


def test_a_missing_task_file_is_named(data):
    with pytest.raises(
        HaqaError, match=r"boolq\.validation\.jsonl: the items of the task 'boolq' are missing"
    ):
        lm_eval.find(["boolq"])


def test_an_unknown_task_is_refused():
    with pytest.raises(HaqaError, match="unknown 'mmlu'"):
        lm_eval.find(["mmlu"])


def test_a_task_file_includes_lm_evals_own_definition(tmp_path):
    made = lm_eval.definition("hellaswag", tmp_path / "hellaswag.yaml", "items.jsonl")

    assert made["include"] == str(tmp_path / "hellaswag.yaml")
    assert made["dataset_kwargs"] == {"data_files": {"test": "items.jsonl"}}
    assert made["process_docs"] is None  # the folder's items are processed already


@needs_torch
@pytest.mark.parametrize("bits", ["w0a2", "w9a9", "INT4", "w2"])
def test_a_bit_width_that_dorefa_lacks_is_refused(tmp_path, bits):
    with pytest.raises(HaqaError, match="no DoReFa quantizer"):
        QatEvaluator(cell_of(tmp_path, bits))


def test_a_bit_width_that_bitsandbytes_lacks_is_refused():
    cell = suite.load(REPOSITORY / "suites/paper/qlora-full.yaml", REPOSITORY).cells[0]

    with pytest.raises(HaqaError, match="bitsandbytes has no bit-width INT3"):
        QloraEvaluator(cell.model_copy(update={"bit_width": "INT3"}))


def test_a_model_needs_what_its_track_asks_for(tmp_path):
    with pytest.raises(HaqaError, match="the model 'Net' is to be trained, but has no network"):
        cell_of(tmp_path, text=TRAINING_SUITE.replace("network: resnet20, ", ""))


# One real training


@needs_torch
def test_a_training_says_what_it_did_and_the_same_seed_does_it_again(data, tmp_path):
    write_images(data, {"train": 20, "test": 2})
    evaluator = QatEvaluator(cell_of(tmp_path))
    default = dict(evaluator.cell.space.default)

    one, again, other = (evaluator.sample(default, seed) for seed in (0, 0, 1))

    curves = [o.facts["learning_curve"] for o in (one, again, other)]
    assert curves[0] == curves[1] != curves[2]
    assert one.facts["steps"] == "2"
    assert one.facts["distinct_weights"] == "4"
    assert one.facts["items"] == "100"
    assert one.facts["data"] == images.JPEG
    assert {m.name for m in one.measurements} == {"valid_accuracy", "train_loss", "peak_memory_mb"}


@needs_torch
def test_a_training_that_diverges_is_a_status(data, tmp_path):
    write_images(data, {"train": 20, "test": 2})
    evaluator = QatEvaluator(cell_of(tmp_path, "FP32"))

    with pytest.raises(EvaluationFailed, match="diverged: the loss is") as failure:
        evaluator.sample({"learning_rate": 1e20, "batch_size": 32}, 0)

    assert failure.value.seconds > 0


@needs_torch
def test_a_test_keeps_what_it_says_of_each_image(data, tmp_path):
    write_images(data, {"train": 20, "test": 2})
    evaluator = QatEvaluator(cell_of(tmp_path))

    default = evaluator.test(evaluator.cell.space.default, 1000)
    found = [default, *(evaluator.refer(r, 1000) for r in (FULL_PRECISION, ROUNDED))]

    for outcome in found:
        values = {m.name: m.value for m in outcome.measurements}
        assert len(outcome.facts["test_accuracy"]) == 20
        assert values["test_accuracy"] == 5 * outcome.facts["test_accuracy"].count("1")
    assert [o.facts["distinct_weights"] for o in found] == ["4", "not quantized", "not quantized"]


# How winners are tested


class Trained:
    """Stands in for an evaluator that trains; `right` is how many of ten items each configuration
    gets right.
    """

    machine = "a test machine"

    def __init__(self, right):
        self.right, self.asked = right, []

    def refer(self, reference, repeat):
        return self.test(reference, repeat)

    def test(self, configuration, repeat):
        self.asked.append((subject_key(configuration), repeat))
        right = self.right.get(subject_key(configuration))
        if right is None:
            raise EvaluationFailed(Status.DIVERGED, "the loss is nan")
        accuracy = Measurement(
            name="test_accuracy",
            value=10.0 * right,
            unit="%",
            source=Source.MEASURED,
            samples=(10.0 * right,),
            used=1,
        )
        return Outcome((accuracy,), {"test_accuracy": "1" * right + "0" * (10 - right)})


@pytest.fixture
def trained(tmp_path):
    cell = cell_of(tmp_path)
    winner = {**cell.space.default, "learning_rate": 0.01}
    return cell, winner, Trained({key_of(cell.space.default): 3, key_of(winner): 9})


def test_winners_default_and_references_take_the_same_new_seeds(trained, tmp_path):
    cell, winner, evaluator = trained
    asked = confirm.winners([(cell.id, json.dumps(winner))], cell)

    left = list(confirm.take(cell, evaluator, asked, tmp_path / "t.jsonl"))

    assert asked == [cell.space.default, winner, FULL_PRECISION, ROUNDED]
    assert left == [7, 6, 5, 4, 3, 2, 1, 0]
    assert evaluator.asked == [(subject_key(c), seed) for seed in (1000, 1001) for c in asked]


def test_tests_that_were_stopped_go_on(trained, tmp_path):
    cell, winner, evaluator = trained
    asked = [cell.space.default, winner]

    for _ in zip(
        range(2), confirm.take(cell, evaluator, asked, tmp_path / "t.jsonl"), strict=False
    ):
        pass
    rest = list(confirm.take(cell, evaluator, asked, tmp_path / "t.jsonl"))

    assert len(rest) == 2
    assert len(set(evaluator.asked)) == len(evaluator.asked) == 4


def test_peers_of_a_track_that_trains_are_its_references_where_it_is_quantized(trained):
    assert tracks.of(trained[0]).references(trained[0]) == (FULL_PRECISION, ROUNDED)
    unquantized = trained[0].model_copy(update={"bit_width": "FP32"})
    assert tracks.of(trained[0]).references(unquantized) == ()


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [([1, 2, 3], [1, 2, 3], 1.0), ([1, 2], [1, 9], 0.5), ([1], [1, 2], 0.5), ([], [], 0.0)],
)
def test_answers_agree_up_to_their_first_difference(one, other, share):
    assert share_in_common(one, other) == share
