"""The joint track: a model is made once and run in many ways. Trainings and llama.cpp are stand-ins
here; for real: test_qlora.py.
"""

from typing import ClassVar

import numpy as np
import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.documents import read_yaml
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome
from haqa_bench.report.found.fronts import Front
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.suite import file_type
from haqa_bench.tracks.joint import evaluator as joint
from haqa_bench.tracks.qlora import evaluator as qlora
from haqa_bench.tracks.replayed import TableEvaluator
from haqa_bench.trial import Constraint, Measurement, Source

TEXT = (REPOSITORY / "suites/joint.yaml").read_text("utf-8")


class Trainer:
    """Trains nothing, and counts; a rate of 0.02 diverges, one of 0.002 runs out of memory the
    first time.
    """

    trained: ClassVar[list] = []

    def __init__(self, cell):
        self.cell = cell
        self.base = type("Base", (), {"identity": "model"})
        self.data_sha256, self.made_of, self.machine = "data", {}, "here"

    def merged(self, settings, seed, target):
        self.trained.append(dict(settings))
        if settings["learning_rate"] == 0.02:
            raise EvaluationFailed("diverged", "loss doubled", 5.0)
        if settings["learning_rate"] == 0.002 and self.trained.count(dict(settings)) == 1:
            raise EvaluationFailed("oom", "no memory", 5.0)
        target.write_text("weights")
        return [], {"steps": "4"}

    def held_out(self):
        return []


class Deployed:
    def __init__(self, cell, source, examples):
        self.cell, self.source = cell, source

    def sample(self, configuration, repeat):
        assert set(configuration) == {"format", "n_threads"}
        if configuration["format"] == "F16":
            raise EvaluationFailed("timeout", "too slow", 1.0)
        speed = Measurement(
            name="end_to_end_tokens_per_s",
            value=9.0,
            unit="tokens/s",
            source=Source.MEASURED,
            samples=(9.0,),
            used=1,
        )
        return Outcome((speed,), {"n_threads": "2"}, 2.0)


@pytest.fixture
def cell():
    return suite.load(REPOSITORY / "suites/joint.yaml", REPOSITORY).cells[0]


@pytest.fixture
def evaluator(cell, monkeypatch, tmp_path):
    monkeypatch.setattr(qlora, "QloraEvaluator", Trainer)
    monkeypatch.setattr(joint, "DeployEvaluator", Deployed)
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path))
    Trainer.trained = []
    return joint.JointEvaluator(cell)


def test_a_training_serves_all_its_deployments_and_stays_for_the_next_run(evaluator, cell):
    found = [
        evaluator.sample({**cell.space.default, "format": name}, 0) for name in ("Q8_0", "Q4_0")
    ]
    joint.JointEvaluator(cell).sample(cell.space.default, 0)

    assert len(Trainer.trained) == 1
    assert found[0].facts == {"training_steps": "4", "n_threads": "2"}
    assert all(f.seconds >= 2.0 for f in found)


def test_a_training_that_diverges_is_not_tried_again_and_one_without_memory_is(evaluator, cell):
    for rate, status in ((0.02, "diverged"), (0.02, "diverged"), (0.002, "oom")):
        with pytest.raises(EvaluationFailed) as failure:
            evaluator.sample({**cell.space.default, "learning_rate": rate}, 0)
        assert (failure.value.status, failure.value.seconds) == (status, 5.0)
    evaluator.sample({**cell.space.default, "learning_rate": 0.002}, 0)

    assert [s["learning_rate"] for s in Trainer.trained] == [0.02, 0.002, 0.002]


def test_a_deployment_that_fails_has_taken_its_training_too(evaluator, cell):
    with pytest.raises(EvaluationFailed) as failure:
        evaluator.sample({**cell.space.default, "format": "F16"}, 0)

    assert failure.value.status == "timeout"
    assert failure.value.seconds >= 1.0


@pytest.mark.parametrize(
    "more", ["depth: 64", "told: [a fact]", "confirm: {n_prompt: 8, n_generate: 8}"]
)
def test_what_a_deployment_by_itself_may_say_is_refused(tmp_path, more):
    assert "deployment: {" in TEXT
    text = TEXT.replace("deployment: {", f"deployment: {{{more}, ")
    (tmp_path / "joint.yaml").write_text(text)

    with pytest.raises(HaqaError, match="is for cells of the deploy track alone"):
        read_yaml(tmp_path / "joint.yaml", file_type())


def test_examples_must_fit_the_context(tmp_path):
    (tmp_path / "joint.yaml").write_text(TEXT.replace("max_length: 128", "max_length: 1024"))

    with pytest.raises(
        HaqaError, match="examples of max_length = 1024 tokens do not fit n_ctx = 512"
    ):
        read_yaml(tmp_path / "joint.yaml", file_type())


def table_of(cell, tmp_path):
    """A made-up table: speed by format, loss by learning rate, memory by both; the rate of 0.02
    diverges.
    """
    speeds = {
        "F16": 40.0,
        "Q8_0": 80.0,
        "Q5_1": 60.0,
        "Q4_K_M": 85.0,
        "Q4_0": 110.0,
        "IQ4_NL": 90.0,
    }
    rows = []
    for configuration in cell.space.grid():
        speed, rate = (
            speeds[configuration["format"]] * configuration["n_threads"] / 2,
            configuration["learning_rate"],
        )
        values = {
            "end_to_end_tokens_per_s": speed,
            "held_out_loss": 2 + abs(rate - 0.002),
            "peak_memory_mb": 200 + speed / 2,
        }
        units = {
            "end_to_end_tokens_per_s": "tokens/s",
            "held_out_loss": "nats",
            "peak_memory_mb": "MB",
        }
        readings = [
            {"name": name, "unit": units[name], "samples": [value]}
            for name, value in values.items()
        ]
        failed = {"status": "diverged", "reason": "loss doubled", "readings": []}
        row = {
            "configuration": key_of(configuration),
            "pass": 0,
            "status": "ok",
            "reason": "",
            "readings": readings,
            "facts": {},
        }
        rows.append(row | (failed if rate == 0.02 else {}))
    tables.write(
        tmp_path / "t.parquet",
        {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")},
        rows,
    )
    return tables.read(tmp_path / "t.parquet")


def test_a_table_tells_its_front_exactly(cell, tmp_path):
    whole = TableEvaluator(table_of(cell, tmp_path), cell).whole

    losses = {-point[1] for point in whole.front}
    assert losses == {2.0}  # a better loss costs nothing else here
    assert {point[0] for point in whole.front} == {
        20.0,
        30.0,
        40.0,
        42.5,
        45.0,
        55.0,
        60.0,
        80.0,
        85.0,
        90.0,
        110.0,
    }
    assert whole.worst == (20.0, -2.00198, -255.0)


def test_hypervolume_is_a_share_of_the_exact_front(cell, tmp_path):
    whole = TableEvaluator(table_of(cell, tmp_path), cell).whole
    front = Front(np.array(whole.front), np.array(whole.worst), True)

    assert front.share(front.points) == pytest.approx(1.0)
    assert 0 < front.share(front.points[:2]) < front.share(front.points[:5]) < 1


def test_the_optimum_of_a_table_breaks_no_limit_of_the_default(cell, tmp_path):
    table = table_of(cell, tmp_path)
    limit = {
        "constraints": (Constraint(metric="peak_memory_mb", at_most_times_default=1.0),),
        "also": (),
    }
    limited = cell.model_copy(update={"objective": cell.objective.model_copy(update=limit)})

    assert (
        TableEvaluator(table, limited).whole.optimum == 85.0
    )  # the default's own format: all that are quicker take more
