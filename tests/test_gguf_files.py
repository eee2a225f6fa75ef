"""Models that are one file or several, and what stands in their place. What llama.cpp makes of
them: test_live_gguf.py.
"""

import hashlib
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import gguf
import pytest
import tiny_gguf
from pydantic import ValidationError
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.gguf_files import ending, identity, shards
from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_cpp_memory import Foreseen, beyond_training, is_hollow
from haqa_bench.backends.llama_jobs import ONE_THREAD, Contents, Inspect, Peak, with_defaults
from haqa_bench.backends.llama_log import cause_of, other_kind
from haqa_bench.cell import Model
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tracks.deploy import remote
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.tracks.memory.workload import MemoryWorkload
from haqa_bench.tracks.qlora import base_models


@pytest.fixture
def model(tmp_path):
    return tiny_gguf.split(tmp_path, "model")


def test_a_split_model_is_found_by_its_first_file_with_all_others(model):
    assert find(str(model)) == model
    assert [file.name for file in shards(model)] == [tiny_gguf.shard("model", n) for n in (1, 2, 3)]
    assert ending(model) == "-00001-of-00003.gguf"


def test_a_file_of_a_split_model_that_is_not_its_first_says_which_to_name(model):
    with pytest.raises(
        HaqaError, match=r"is file 2 of 3 of a split model\. Name the first: .*00001"
    ):
        find(str(model.with_name(tiny_gguf.shard("model", 2))))


@pytest.mark.parametrize("number", [2, 3])
def test_a_file_that_is_missing_of_a_split_model_is_named(model, number):
    model.with_name(tiny_gguf.shard("model", number)).unlink()

    with pytest.raises(
        HaqaError, match=f"0000{number}-of-00003.gguf: this file of the split model"
    ):
        find(str(model))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "it is empty"), (b"GGU", "begin with 'GGUF'"), (b"PK\x03\x04", "begin with 'GGUF'")],
)
def test_a_file_of_a_split_model_that_is_no_gguf_file_is_named(model, content, message):
    model.with_name(tiny_gguf.shard("model", 3)).write_bytes(content)

    with pytest.raises(HaqaError, match=f"00003-of-00003.gguf: not a GGUF file: .*{message}"):
        find(str(model))


def test_split_models_with_an_equal_first_file_are_not_taken_for_one_another(tmp_path):
    one, other = (tiny_gguf.split(tmp_path, f"model{seed}", seed) for seed in (1, 2))

    assert one.read_bytes() == other.read_bytes()
    assert Formats(one, tmp_path).folder != Formats(other, tmp_path).folder


def test_a_model_of_one_file_is_identified_by_that_file_s_hash(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF and more")

    assert identity(path) == hashlib.sha256(b"GGUF and more").hexdigest()


@pytest.mark.parametrize(
    "name", ["x-00001-of-00001.gguf", "x-00001-of-00000.gguf", "x-1-of-3.gguf"]
)
def test_a_name_that_says_of_no_other_file_is_that_of_a_whole_model(tmp_path, name):
    (tmp_path / name).write_bytes(b"GGUF")

    assert shards(find(str(tmp_path / name))) == [tmp_path / name]


def test_all_files_of_a_model_are_inspected(model, monkeypatch):
    jobs = []
    contents = Contents({"F16": 1}, {}, 1, 2, 3)
    monkeypatch.setattr(gguf_models, "run_job", lambda job, _: jobs.append(job) or contents)

    Formats(model).contents("own")

    assert isinstance(jobs[0], Inspect)
    assert jobs[0].files == tuple(map(str, shards(model)))
    assert jobs[0].memory_bytes > 0


def test_weights_in_any_file_of_a_model_are_weights(model, monkeypatch):
    assert not is_hollow(model)


def test_a_hub_gives_all_files_of_a_split_model(model, monkeypatch):
    asked = []
    hub = ModuleType("huggingface_hub")
    hub.__spec__ = ModuleSpec("huggingface_hub", None)
    hub.hf_hub_download = lambda repository, file: (
        asked.append((repository, file)) or model.parent / file.rpartition("/")[2]
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.delenv("HAQA_BENCH_DATA", raising=False)

    assert find(f"hub:owner/name/Q8_0/{model.name}") == model
    assert asked == [("owner/name", f"Q8_0/{tiny_gguf.shard('model', n)}") for n in (1, 2, 3)]
    with pytest.raises(HaqaError, match="Name the first"):
        find(f"hub:owner/name/{tiny_gguf.shard('model', 2)}")


def test_a_data_folder_must_hold_all_files_of_a_split_model(model, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_DATA", str(model.parent))
    assert find(f"hub:owner/name/{model.name}") == model

    shards(model)[2].unlink()
    with pytest.raises(HaqaError, match=r"00003-of-00003\.gguf: this file"):
        find(f"hub:owner/name/{model.name}")


def test_all_files_of_a_model_are_put_on_a_device(model, monkeypatch):
    monkeypatch.setattr(remote, "require_llama_cpp", lambda: None)
    cells = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells
    cell = next(c for c in cells if c.id.endswith("int4-epyc-zen4-2core"))
    changes = {
        "hardware": cell.hardware.model_copy(update={"target": "ssh://bench@phone/data/llama.cpp"}),
        "objective": cell.objective.model_copy(update={"constraints": ()}),
        "model": cell.model.model_copy(update={"gguf": str(model)}),
    }
    evaluator = remote.RemoteEvaluator(cell.model_copy(update=changes))
    put = []
    evaluator.target = Device(put)

    first = evaluator._put("own")

    stem = f"{evaluator.formats.sha256[:16]}-own"
    assert first == f"/models/{tiny_gguf.shard(stem, 1)}"
    assert put == [(file, tiny_gguf.shard(stem, n)) for n, file in enumerate(shards(model), 1)]


class Device:
    def __init__(self, put):
        self.files = put

    def put(self, file, name):
        self.files.append((file, name))
        return f"/models/{name}"


def test_a_split_model_is_not_fine_tuned_by_halves(model, monkeypatch):
    monkeypatch.setattr(base_models, "require", lambda *_: None)

    with pytest.raises(HaqaError, match="Join them with: llama-gguf-split --merge"):
        base_models.find(Model(architecture="llama", parameters=1, gguf=str(model)))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("package:a.b", "no installed package of that name"),
        ("package:", "no installed package of that name"),
        ("package:__main__", "no installed package of that name"),
        ("package:.x", "no installed package of that name"),
        ("package:json", "no installed package of that name"),
        ("hub:", "not of the form hub:OWNER/REPO/FILE"),
        ("hub:owner/name", "not of the form hub:OWNER/REPO/FILE"),
        ("", "is a folder"),
        ("/", "is a folder"),
        ("/dev/null", "no such model file"),
        ("none.gguf", "no such model file"),
        ("nul\0l.gguf", "no such model file"),
        ("~nobody-of-that-name/m.gguf", "home directory"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_what_names_no_model_is_one_clear_line(source, message, monkeypatch):
    monkeypatch.delenv("HAQA_BENCH_DATA", raising=False)

    with pytest.raises(HaqaError, match=message) as told:
        find(source)
    assert "\n" not in str(told.value)


def test_a_path_that_is_not_utf_8_is_a_path(tmp_path):
    path = tmp_path / os.fsdecode(b"m\xff\xfe.gguf")
    path.write_bytes(b"GGUF")

    assert find(str(path)) == path


OUTER = "llama_model_load_from_file_impl: failed to load model\n"


@pytest.mark.parametrize(
    ("errors", "cause"),
    [
        (["llama_model_load: error loading model: CLIP cannot be used\n"], "CLIP cannot be used"),
        (
            [
                "gguf_init_from_reader: tensor 'a' has invalid ggml type 99\n",
                "gguf_init_from_reader: failed to read tensor info\n",
                "llama_model_load: error loading model: llama_model_loader: failed to load model\n",
            ],
            "tensor 'a' has invalid ggml type 99",
        ),
        (
            [
                "gguf_init_from_reader: failed to load model: this GGUF file is extremely large\n",
                "gguf_init_from_reader: failed to read header\n",
            ],
            "failed to load model: this GGUF file is extremely large",
        ),
        (["gguf_init_from_reader: failed to read header\n"], "failed to read header"),
        (
            ["llama_model_quantize: failed to quantize: no such type\n"],
            "failed to quantize: no such",
        ),
        ([], "failed to load model"),
    ],
)
def test_of_llama_cpp_s_errors_the_one_that_says_why_is_told(errors, cause):
    assert cause_of([*errors, OUTER]).startswith(cause)


@pytest.mark.parametrize(
    ("kind", "told"), [("adapter", " (it is of the type 'adapter')"), ("model", "")]
)
def test_a_file_that_is_no_model_is_told_as_what_it_is(kind, told):
    assert other_kind(f"llama_model_loader: - kv   1:      general.type str    = {kind}\n") == told


def test_where_llama_cpp_says_nothing_that_is_told():
    assert cause_of([]) == "llama.cpp gave no reason"


def test_a_plan_that_takes_too_much_memory_says_how_much_and_what_to_ask(monkeypatch, model):
    def fails(job, _):
        assert job.memory_bytes > 0
        raise EvaluationFailed(Status.OOM, "failed to initialize the context: std::bad_alloc")

    monkeypatch.setattr(llama_cpp_memory, "run_job", fails)

    with pytest.raises(
        EvaluationFailed, match=r"more than 4\.3 GB of memory \(.*bad_alloc\): ask for fewer than 9"
    ):
        llama_cpp_memory.predict(model, ["own"], ONE_THREAD, 9)


def test_an_abort_of_llama_cpp_names_no_folder_that_it_was_compiled_in(monkeypatch, model):
    def aborts(*_):
        raise EvaluationFailed(
            Status.CRASHED, "ended by SIGABRT: /tmp/x-y/ggml/src/ggml.c:5515: GGML_ASSERT(a) failed"
        )

    monkeypatch.setattr(llama_cpp_memory, "run_job", aborts)

    with pytest.raises(
        EvaluationFailed,
        match=r"cannot plan it, and ended by SIGABRT: ggml\.c:5515: GGML_ASSERT\(a\) failed: is",
    ):
        llama_cpp_memory.predict(model, ["own"], ONE_THREAD, 9)


def test_a_measured_peak_may_not_take_all_memory(monkeypatch, model):
    jobs = []

    def refuses(job, _):
        jobs.append(job)
        raise EvaluationFailed(Status.REFUSED, "no")

    monkeypatch.setattr(llama_cpp_memory, "run_job", refuses)

    with pytest.raises(EvaluationFailed):
        llama_cpp_memory.peak(model, ONE_THREAD, 64)
    assert isinstance(jobs[0], Peak)
    assert jobs[0].memory_bytes > 0


@pytest.mark.parametrize("n_ctx", [2048, 2049])
def test_a_context_longer_than_a_model_was_trained_for_is_warned_of(n_ctx):
    note = beyond_training({"own": Foreseen(None, {}, {}, 2048)}, n_ctx)

    assert ("was trained for 2,048 tokens" in note) == (n_ctx > 2048)


@pytest.mark.parametrize("name", ["n_threads", "n_threads_batch", "n_batch", "n_ubatch"])
@pytest.mark.parametrize("value", [0, -1, 2**31, 2**32 + 512, 2**70])
def test_a_setting_that_would_wrap_around_is_refused(name, value):
    with pytest.raises(EvaluationFailed, match=f"{name}: {value} is not between 1 and") as told:
        with_defaults({"n_threads": 1, name: value})
    assert told.value.status == Status.REFUSED


@pytest.mark.parametrize(("name", "value"), [("n_gpu_layers", 2**32 + 1), ("main_gpu", -1)])
def test_a_number_of_a_gpu_that_would_wrap_around_is_refused(name, value):
    with pytest.raises(EvaluationFailed, match=f"{name}: {value} is not between"):
        with_defaults({"n_threads": 1, name: value})


@pytest.mark.parametrize("command", ["memory", "tune"])
@pytest.mark.parametrize("value", [-1, 0, 2**31, 2**32 + 512, 9_999_999_999])
def test_a_context_that_32_bits_do_not_hold_is_refused(cli, command, value):
    done = cli(command, "m.gguf", "--n-ctx", value)

    assert done.returncode == 2
    assert f"{value} is not in the range 64<=x<=2147483647" in done.stderr


@pytest.mark.parametrize("given", [{"n_ctx": 2**32 + 512}, {"n_ctx": 0}, {"quality_tokens": -1}])
def test_a_workload_that_would_wrap_around_is_refused(given):
    with pytest.raises(ValidationError, match=next(iter(given))):
        DeployWorkload.model_validate(given)
    if "n_ctx" in given:
        with pytest.raises(ValidationError, match="n_ctx"):
            MemoryWorkload.model_validate({"limits_gb": (1.0,), **given})


def test_the_tiny_models_of_these_tests_are_gguf_files(model):
    found = [t.name for file in shards(model) for t in gguf.GGUFReader(file).tensors]

    assert sorted(found) == sorted(name for name, _ in tiny_gguf.tensors())
