"""The serve track's evaluator, with stand-ins for llama-server and for a model's formats."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import stand_in_server
from test_serve import cell_of

from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends import gguf_models, llama_devices, llama_programs
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.llama_jobs import Contents
from haqa_bench.backends.quality_jobs import Compared
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.hardware import Device, Figure
from haqa_bench.testing import EvaluatorContract
from haqa_bench.tracks.deploy.quality import Quality
from haqa_bench.tracks.serve import command, memory
from haqa_bench.tracks.serve import evaluator as serve
from haqa_bench.tracks.serve.jobs import Answer, Repeat, Served, Timings

GIB = 2**30
DEFAULT = {"format": "Q4_0", "n_threads": 2, "parallel": 4, "speculation": "none"}


class Formats:
    """A model that is in every format."""

    sha256, imatrix_sha256, random = "0" * 64, "", False

    def path(self, name):
        return Path(f"{name}.gguf")

    header = path

    def contents(self, name):
        return Contents({name: 32}, {name: 32}, layers=1, stored_bytes=18, file_bytes=99)


class Planned:
    """What llama.cpp would plan; keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, model, formats, settings, n_ctx, n_outputs):
        self.asked.append((str(model), n_ctx, n_outputs, settings.type_k))
        memory = Prediction(GIB, 0, n_ctx * 1000, 0, 0, 0, 10**7)
        return {OWN: Foreseen(memory, {}, {})}


@pytest.fixture
def planned(monkeypatch):
    made = Planned()
    monkeypatch.setattr(memory, "predict", made)
    return made


@pytest.fixture
def made(tmp_path, monkeypatch, planned):
    """An evaluator of a cell, whose llama-server behaves as told."""
    monkeypatch.setattr(serve, "require_llama_cpp", lambda: None)
    monkeypatch.setattr(serve, "formats_of", lambda model, imatrix: Formats())
    monkeypatch.setenv(llama_programs.TOOLS, str(tmp_path / "tools"))

    def evaluator(more="timeout_s: 60", kind="ngram-simple", **told):
        stand_in_server.tools(tmp_path / "tools", **told)
        return serve.ServeEvaluator(cell_of(tmp_path, more, kind))

    return evaluator


class TestServe(EvaluatorContract):
    """With a stand-in for llama-server, which has a process of its own."""

    metric = "goodput_per_s"

    @pytest.fixture
    def evaluator(self, made):
        return made()

    @pytest.fixture
    def configuration(self):
        return DEFAULT

    @pytest.fixture
    def failing(self):
        return {**DEFAULT, "parallel": 0}


def test_an_outcome_has_the_numbers_of_the_server_of_its_file_and_what_ran(made):
    found = made().sample(DEFAULT, 0)

    values = {m.name: m for m in found.measurements}
    assert values["goodput_per_s"].value > 0
    assert len(values["goodput_per_s"].samples) == 2
    assert values["bits_per_weight"].value == 4.5
    assert found.facts["llama_server"] == stand_in_server.VERSION
    assert found.facts["tensor_types"] == "Q4_0 100.0 %"
    assert found.seconds > 0


def test_the_cache_of_all_who_are_answered_is_planned_for_before_anything_is_loaded(
    made, planned, tmp_path
):
    evaluator, apart = made("memory_gb: 1.2"), {**DEFAULT, "kv_unified": False}

    evaluator.make({**apart, "parallel": 2, "type_k": "q8_0"})
    evaluator.sample({**apart, "parallel": 4, "n_batch": 3}, 0)
    with pytest.raises(EvaluationFailed, match="not loaded: does not fit 1200 MB") as caught:
        evaluator.sample({**apart, "parallel": 256}, 0)

    assert caught.value.status == Status.OOM
    assert planned.asked == [
        ("Q4_0.gguf", 2 * 256, 2, "q8_0"),
        ("Q4_0.gguf", 4 * 256, 3, "f16"),  # not more than a batch has
        ("Q4_0.gguf", 256 * 256, 256, "f16"),
    ]


def test_a_draft_model_is_planned_for_too_and_is_part_of_what_a_table_is_made_of(
    made, planned, tmp_path
):
    draft = tmp_path / "draft.gguf"
    draft.write_bytes(b"GGUF and more")
    evaluator, other = made(f"draft: {draft}", "draft-simple"), made()

    evaluator.make({**DEFAULT, "type_k": "q8_0", "speculation": "draft-simple", "draft_max": 7})

    assert planned.asked == [
        ("Q4_0.gguf", 512, 4 * 8, "q8_0"),
        (str(draft), 512, 4 * 8, "f16"),
    ]
    assert evaluator.made_of["draft_sha256"] != other.made_of["draft_sha256"] == ""
    assert evaluator.made_of["model_sha256"] == other.made_of["model_sha256"] == "0" * 64


GB = 10**9


@pytest.fixture
def large(monkeypatch):
    """A server that has 13 GB at most, and of each file 11 GB on a device and 1 GB on the host."""
    here = Share("CUDA0", 30, 11 * GB, 0, 0, 0, 0), Share("host", 0, GB, 0, 0, 0, 0)
    plan = DevicePlan(here[:1], here[1], "a test")
    asked = []
    monkeypatch.setattr(memory, "plan_here", lambda *of: asked.append(of) or plan)
    monkeypatch.setattr(llama_devices, "free", lambda: {"CUDA0": 24 * GB})
    contents = Contents({"Q4_0": 32}, {"Q4_0": 32}, 1, stored_bytes=12 * GB, file_bytes=12 * GB)
    monkeypatch.setattr(Formats, "contents", lambda *_: contents)
    monkeypatch.setattr(gguf_models.Formats, "contents", lambda *_: contents)
    answer = Answer((9.0, 10.0), 11.0, Timings(8.0, 1.0, 2))
    served = Served((Repeat((answer,), 1.0, 0, 0),), 13 * GB, 1.0, 4, 256)
    monkeypatch.setattr(serve, "run_job", lambda *_: served)
    return asked


def test_what_was_mapped_and_copied_to_a_device_is_not_held_against_the_host(made, large, tmp_path):
    (tmp_path / "draft.gguf").write_bytes(b"GGUF and more")
    evaluator = made(f"draft: {tmp_path / 'draft.gguf'}", "draft-simple")  # 8 GB may be taken
    there, guessed = {**DEFAULT, "n_gpu_layers": 30}, {"speculation": "draft-simple"}

    assert evaluator.sample(there, 0).measurements
    assert {str(model) for model, *_ in large} == {"Q4_0.gguf"}
    assert evaluator.sample({**there, **guessed}, 0).measurements
    assert str(large[-1][0]) == str(tmp_path / "draft.gguf")
    for others in ({"mmap": False}, {"n_gpu_layers": 0}):
        with pytest.raises(EvaluationFailed, match=r"peak memory 13\.00 GB is over 8 GB"):
            evaluator.sample({**there, **others}, 0)


@pytest.mark.parametrize(
    ("free", "speculation", "said"),
    [
        (24, "draft-simple", ""),
        (12, "draft-simple", "CUDA0 has 12,000 MB free, and it takes 23,100, with the margin"),
        (12, "none", ""),
        (11, "none", "CUDA0 has 11,000 MB free, and it takes 11,550, with the margin"),
        (None, "draft-simple", ""),
    ],
)
def test_what_a_device_has_no_room_for_is_not_loaded(
    made, large, tmp_path, monkeypatch, free, speculation, said
):
    """A driver may give host memory in silence. Not every device tells what it has free."""
    (tmp_path / "draft.gguf").write_bytes(b"GGUF and more")
    monkeypatch.setattr(llama_devices, "free", lambda: {"CUDA0": free * GB} if free else {})
    evaluator = made(f"draft: {tmp_path / 'draft.gguf'}", "draft-simple")
    there = {**DEFAULT, "n_gpu_layers": 30, "speculation": speculation}

    if not said:
        assert evaluator.sample(there, 0).measurements
        return
    with pytest.raises(EvaluationFailed, match=said) as caught:
        evaluator.sample(there, 0)
    assert caught.value.status == Status.OOM


@pytest.mark.parametrize(
    ("title", "layers"), [("llvmpipe (LLVM 15.0.6, 256 bits)", 0), ("NVIDIA H200", 30)]
)
def test_quality_is_judged_by_the_cpu_where_the_device_is_software(made, large, title, layers):
    size = Figure(value=None, unit="MiB", source="a test")
    one = Device(name="X0", title=title, kind="gpu", backend="X", memory=size, free=size)
    evaluator, asked = made(), []
    hardware = evaluator.cell.hardware.model_copy(update={"devices": (one,)})
    evaluator.cell = evaluator.cell.model_copy(update={"hardware": hardware})
    judged = Quality(Compared((0.1,), (0.9,), 2.0, 2.0))
    evaluator.guard = SimpleNamespace(of=lambda name, given: asked.append(given) or judged)

    evaluator.sample({**DEFAULT, "n_gpu_layers": 30}, 0)

    assert [given.n_gpu_layers for given in asked] == [layers]


def test_a_text_is_part_of_what_a_table_is_made_of(made, tmp_path):
    (tmp_path / "words.txt").write_text("Words to be cut, one after the other.")

    with_text, without = made("text: words.txt"), made()

    assert with_text.made_of["text_sha256"] != without.made_of["text_sha256"]


def test_more_memory_than_it_may_take_is_a_status(made, monkeypatch):
    evaluator = made()
    monkeypatch.setattr(serve, "check_foreseen", lambda foreseen, limit: None)
    evaluator.workload = evaluator.workload.model_copy(update={"memory_gb": 0.001})
    monkeypatch.setattr(serve.ServeEvaluator, "_limit", 0)  # no bound of the process itself

    with pytest.raises(EvaluationFailed, match=r"peak memory .* is over 0.001 GB") as caught:
        evaluator.sample(DEFAULT, 0)

    assert caught.value.status == Status.OOM


def test_without_a_server_an_evaluator_says_how_to_get_one(made, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(command, "NAME", "llama-server-of-nobody")

    with pytest.raises(HaqaError, match="is not in"):
        made()
