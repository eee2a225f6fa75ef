"""What llama.cpp makes of random weights. `pytest -m live tests/test_live_random.py`."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_gguf
from test_random_weights import ONLY_SPEED, PUBLISHED, TINY, suite_of

from haqa_bench import suite
from haqa_bench.arithmetic.architectures import parameters
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import llama_cpp_memory
from haqa_bench.backends.gguf_models import Formats
from haqa_bench.backends.llama_jobs import ONE_THREAD, Answer, Measure, RandomModel, WriteRandom
from haqa_bench.backends.process import run_job
from haqa_bench.backends.random_models import RandomFormats, kept
from haqa_bench.cli.known_models import twin_of
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator

pytestmark = pytest.mark.live

TEXT = "Some words, of which the likelihood is a number, and no more than that. " * 8
MODELS = {
    "llama": RandomModel(architecture="llama", dimensions=TINY),
    "tied": RandomModel(architecture="llama", dimensions=TINY | {"tied": 1, "head_size": 64}),
    "byte pairs": RandomModel(architecture="llama", dimensions=TINY | {"merges": 3000}),
    "odd": RandomModel(
        architecture="llama", dimensions=TINY | {"hidden": 288, "heads": 9, "kv_heads": 3}
    ),
    "experts": RandomModel(
        architecture="llama", dimensions=TINY | {"experts": 4, "experts_used": 2}
    ),
    "qwen2": RandomModel(architecture="qwen2", dimensions=TINY | {"tied": 1}),
    "gpt2": RandomModel(architecture="gpt2", dimensions=TINY | {"kv_heads": 8, "context": 512}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    return {name: RandomFormats(model, folder) for name, model in MODELS.items()}


def types(path: Path):
    return {t.name: t.tensor_type.name for t in gguf.GGUFReader(path).tensors}


@pytest.mark.parametrize("name", ["llama", "odd", "experts", "gpt2"])
def test_each_tensor_is_of_the_type_that_llama_cpp_gives_it(made, tmp_path, name):
    real = Formats(made[name].path("F16"), tmp_path)

    assert types(made[name].path("Q4_K_M")) == types(real.path("Q4_K_M"))


@pytest.mark.parametrize("name", MODELS)
def test_each_architecture_speaks_and_its_logits_are_numbers(made, name):
    job = Measure(
        model=str(made[name].path("Q4_0")),
        settings=ONE_THREAD,
        n_ctx=128,
        n_prompt=16,
        n_generate=8,
        repeats=1,
        text=TEXT,
        quality_tokens=64,
    )

    found = run_job(job, 120)

    assert 1 < found.perplexity < 1e6
    assert np.isfinite(found.perplexity)


def test_one_prompt_is_answered_otherwise_than_another(made):
    prompts = ((1, 300, 301), (1, 302, 303), (1, 700, 900))
    job = Answer(
        model=str(made["llama"].path("Q4_0")),
        settings=ONE_THREAD,
        n_ctx=64,
        prompts=prompts,
        n_generate=8,
    )

    assert len(set(run_job(job, 120).answers)) == 3


def test_the_same_seed_writes_the_same_file(made, tmp_path):
    again = RandomFormats(MODELS["llama"], tmp_path)

    assert again.path("Q4_0").read_bytes() == made["llama"].path("Q4_0").read_bytes()


def test_llama_cpp_plans_from_a_header_what_it_plans_from_the_file(made):
    found = [
        llama_cpp_memory.predict(path, [OWN], ONE_THREAD, 256)[OWN].memory
        for path in (made["llama"].header("Q8_0"), made["llama"].path("Q8_0"))
    ]

    assert found[0]._replace(runtime=0) == found[1]._replace(runtime=0)


def test_a_large_file_is_written_in_little_memory(tmp_path):
    large = TINY | {"layers": 4, "hidden": 2048, "feed_forward": 8192, "heads": 16}
    job = WriteRandom(
        memory_bytes=200 * 10**6,
        model=RandomModel(architecture="llama", dimensions=large),
        format="Q8_0",
        target=str(tmp_path / "large.gguf"),
    )

    run_job(job, 300)

    assert (tmp_path / "large.gguf").stat().st_size > 250 * 10**6
    (tmp_path / "large.gguf").unlink()


def test_a_format_that_llama_cpp_lacks_is_refused_and_leaves_no_file(made):
    with pytest.raises(EvaluationFailed, match=r"llama\.cpp has no format 'Q9_9'"):
        made["llama"].path("Q9_9")

    assert not list(made["llama"].folder.glob("Q9_9*"))


def test_the_twin_of_a_file_has_its_sizes(made):
    for name, formats in made.items():
        found = twin_of(formats.header("F16"))
        assert RandomFormats(found).sha256 == formats.sha256, name


def test_the_twin_of_another_architecture_is_refused_by_name(tmp_path):
    path = tiny_gguf.write(tmp_path / "m.gguf", "gemma3")

    with pytest.raises(HaqaError, match="architecture 'gemma3' is none of llama, qwen2, gpt2"):
        twin_of(path)


LLAMA2_7B = PUBLISHED["meta-llama/Llama-2-7b-hf"][0]


def test_the_files_of_llama_2_7b_are_as_large_as_they_are_published(tmp_path):
    formats = RandomFormats(RandomModel(architecture="llama", dimensions=LLAMA2_7B), tmp_path)

    found = {
        name: formats.header(name).stat().st_size / 1e9
        for name in ("F16", "Q8_0", "Q4_K_M", "Q4_0")
    }

    assert {name: round(size, 2) for name, size in found.items()} == {
        "F16": 13.48,
        "Q8_0": 7.16,
        "Q4_K_M": 4.08,
        "Q4_0": 3.83,
    }


def measured(project, **changed):
    (cell,) = suite.load(project / "suites/small.yaml", project).cells
    work = cell.workload.model_copy(update={"n_ctx": 64, "n_prompt": 16, "n_generate": 4} | changed)
    evaluator = DeployEvaluator(cell.model_copy(update={"workload": work}))
    return evaluator.sample(cell.space.default, 0)


def test_every_trial_of_random_weights_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))

    outcome = measured(suite_of(tmp_path / "p", ONLY_SPEED))

    assert outcome.facts["weights"] == "random"
    assert outcome.facts["parameters"] == str(parameters("llama", TINY))


def test_what_does_not_fit_is_refused_before_its_file_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))

    with pytest.raises(EvaluationFailed, match="not loaded: does not fit 1 MB") as failure:
        measured(suite_of(tmp_path / "p", ONLY_SPEED), memory_gb=0.001)

    assert failure.value.status == Status.OOM
    assert kept() == []


def test_the_command_writes_a_file_and_its_twin(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    project = suite_of(tmp_path / "p", ONLY_SPEED)

    done = cli("synthesize", "Net", "--format", "Q8_0", "--json", "--project", project)
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["files"]
    twin = cli("synthesize", one["file"], "--output", tmp_path / "twin.gguf", "--project", project)

    assert (one["weights"], one["format"]) == ("random", "Q8_0")
    assert Path(one["file"]).stat().st_size == one["bytes"]
    assert twin.returncode == 0
    assert "bits a weight (Q4_0" in twin.stdout
    assert (tmp_path / "twin.gguf").stat().st_size < one["bytes"]
