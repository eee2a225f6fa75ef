"""How what a tuning recommends is started, what it takes then, and what the end says of both."""

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tuned import Machine, prepared

from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import LAYERS_MAX, Prediction
from haqa_bench.backends import gguf_models
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.tracks.deploy import llama_tools
from haqa_bench.tracks.serve import memory
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tune import failed, kept, other_programs, start, suites, told
from haqa_bench.tune.wish import Serving, Wish

FILE = Path("/models/my model.gguf")
PLAIN = Settings(n_threads=2, n_threads_batch=2, n_ubatch=64, flash_attn="on")
MB = 1_000_000
SERVING = Serving(2, (8,), (8,), 1, 500.0, 50.0)
WISH = Wish("m.gguf", 10**9, kept.limits("kl=0.05"), "total", 7, "rules", 512, 64, 16)
DEFAULT = {"format": "own", "n_threads": 2}


def test_ollama_computes_as_many_tokens_at_once_as_was_tuned():
    lines = other_programs.modelfile(FILE, PLAIN, 512).splitlines()

    assert "PARAMETER num_batch 64" in lines
    assert f"FROM {FILE}" in lines


def test_ollama_has_a_line_for_each_of_two_terminals_and_as_many_slots_as_were_tuned():
    alone = other_programs.ollama("m", PLAIN, None)
    several = other_programs.ollama(
        "m", replace(PLAIN, type_k="q8_0", type_v="q8_0"), ServerSettings()
    )

    assert alone == [
        "OLLAMA_FLASH_ATTENTION=1 ollama serve",
        "ollama create m -f Modelfile && ollama run m",
    ]
    assert several[0] == (
        "OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0 OLLAMA_NUM_PARALLEL=4 ollama serve"
    )


@pytest.mark.parametrize(
    ("settings", "server", "said"),
    [
        ({}, None, []),
        ({}, ServerSettings(parallel=8), []),
        ({"type_k": "q8_0"}, None, ["type_k q8_0 with type_v f16"]),
        ({"n_cpu_moe": 3, "tensor_split": "1,1"}, None, ["tensor_split 1,1", "n_cpu_moe 3"]),
        (
            {},
            ServerSettings(kv_unified=False, speculation="ngram-mod", draft_max=8),
            ["kv_unified false", "speculation ngram-mod", "draft_max 8"],
        ),
    ],
)
def test_what_ollama_cannot_be_told_is_said(settings, server, said):
    assert other_programs.untold(replace(PLAIN, **settings), server) == said


def test_lm_studio_links_the_file_and_leaves_it_where_it_is():
    line, _, told = other_programs.lm_studio(FILE, PLAIN, 512).partition(", then: ")

    assert shlex.split(line) == ["lms", "import", "--symbolic-link", str(FILE)]
    assert "Context Length 512" in told


def test_lines_of_a_model_without_layers_on_devices_name_none():
    """It was measured so; else a program that knows a device computes long prompts there, whatever
    llama-cpp-python knows.
    """
    there = replace(PLAIN, n_gpu_layers=9)

    alone, offloaded = (llama_tools.commands(FILE, one, 512) for one in (PLAIN, there))

    assert "-dev none" in alone["llama-server"]
    assert "-dev none" in alone["llama-cli"]
    assert "op_offload=False" in alone["llama-cpp-python"]
    assert not any("-dev" in line or "op_offload" in line for line in offloaded.values())


def test_of_a_model_in_several_files_ollama_and_lm_studio_get_one_that_is_made_of_them(tmp_path):
    parts = Path("/models/large-00001-of-00003.gguf")

    one = other_programs.whole(parts, tmp_path)

    assert one == tmp_path / "large.gguf"
    assert other_programs.merged(parts, tmp_path) == {
        "llama-gguf-split": f"llama-gguf-split --merge {parts} {one}"
    }
    assert other_programs.whole(FILE, tmp_path) == FILE
    assert other_programs.merged(FILE, tmp_path) == {}


def test_a_suite_that_is_refused_does_not_stand_in_the_way_of_the_mended_command(
    cli, tmp_path, monkeypatch
):
    tuning = prepared(tmp_path, monkeypatch, Machine())
    whole = suites._budget
    monkeypatch.setattr(suites, "_budget", lambda *of: {"proposals": 0})

    refused = cli(*tuning.words)
    monkeypatch.setattr(suites, "_budget", whole)
    mended = cli(*tuning.words)

    assert refused.returncode == 2
    assert mended.returncode == 0


def planned(monkeypatch):
    """100 MB for each model, on the host or on a device; and what was asked for."""
    asked = []

    def predict(model, formats, settings, n_ctx, n_outputs=1):
        asked.append((model.name, settings.type_k, n_ctx, n_outputs))
        return {"own": Foreseen(Prediction(100 * MB, 0, 0, 0, 0, 0, 0), {}, {})}

    def plan(model, formats, settings, n_ctx):
        asked.append((model.name, settings.n_gpu_layers, n_ctx))
        there, host = (Share(name, 0, 100 * MB, 0, 0, 0, 0) for name in ("Vulkan0", "host"))
        return {"own": SimpleNamespace(memory=DevicePlan((there,), host, "a test"))}

    for room in (start, memory):
        monkeypatch.setattr(room, "predict", predict)
    monkeypatch.setattr(start, "plan_for_device", plan)
    monkeypatch.setattr(gguf_models.Formats, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(gguf_models.Formats, "path", lambda *_: Path("m.gguf"))
    return asked


def taken(**changes):
    wish = WISH._replace(serving=SERVING, draft="d.gguf", speculate=True)
    return start.start_of(wish, Path("m.gguf"), {**DEFAULT, **changes}).taken


def test_a_draft_that_guesses_is_part_of_what_is_taken(monkeypatch):
    asked = planned(monkeypatch)

    with_it, without = taken(type_k="q8_0", speculation="draft-simple"), taken(speculation="none")

    assert with_it["peak_mb"] == 200
    assert without["peak_mb"] == 100
    assert asked[:2] == [("m.gguf", "q8_0", 1024, 16), ("d.gguf", "f16", 1024, 16)]


def test_a_draft_lies_on_the_devices_of_its_model(monkeypatch):
    asked = planned(monkeypatch)

    found = taken(n_gpu_layers=9, speculation="draft-simple")

    assert found["peak_mb"] == 200
    assert found["device_safe_mb"] == {"Vulkan0": 210}
    assert asked == [("m.gguf", 9, 1024), ("d.gguf", LAYERS_MAX, 1024)]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(20_000 * MB, []), (1_000 * MB, ["-cram", "853"]), (100 * MB, ["-cram", "0"])],
)
def test_earlier_prompts_are_kept_within_the_limit(monkeypatch, limit, kept):
    """105 MB are the model's; 8,192 MiB are llama.cpp's own."""
    planned(monkeypatch)

    def words(wish, name):
        line = start.start_of(wish._replace(limit=limit), FILE, DEFAULT).commands[name]
        found = shlex.split(line)
        return found[found.index("-cram") :][:2] if "-cram" in found else []

    served = WISH._replace(serving=SERVING)
    assert words(WISH, "llama-server") == words(WISH, "llama-cli") == kept
    assert words(served, "llama-server") == kept


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("Größe 7B", "gr-e-7b"),
        ("_a.b", "a.b"),
        ("\N{CJK UNIFIED IDEOGRAPH-6A21}", "model"),
        ("x" * 99, "x" * 80),
    ],
)
def test_ollama_gets_a_name_that_it_takes(stem, name):
    assert told.slug(Path(f"{stem}.gguf")) == name


class Broken(Machine):
    """Has no memory for the default, as long as it is broken."""

    broken = True

    def sample(self, configuration, repeat):
        if self.broken and configuration["format"] == "own":
            raise EvaluationFailed(Status.OOM, "not loaded: another program has the memory")
        return super().sample(configuration, repeat)


def test_a_default_that_fails_ends_a_tuning_which_begins_anew_once_it_is_mended(
    cli, tmp_path, monkeypatch
):
    machine, asked = Broken(), []
    machine.told = lambda: asked.append(1)
    tuning = prepared(tmp_path, monkeypatch, machine)

    failing = cli(*tuning.words)
    measured = len(asked)
    machine.broken = False
    mended = cli(*tuning.words)

    assert failing.returncode == 2
    assert failing.stderr.splitlines()[-1].endswith(
        "the default configuration: could not be measured: oom: not loaded: another program has "
        "the memory. Mend that, and repeat the command"
    )
    assert measured == 0  # nothing else was tried
    assert mended.returncode == 0, mended.stderr
    assert tuning.recommendation["settings"]["format"] == "Q4_0"


class Refusing(Machine):
    """Refuses a single thread, and has no memory for one format."""

    def sample(self, configuration, repeat):
        if configuration["format"] == "Q4_K_M":
            raise EvaluationFailed(Status.OOM, "not loaded: does not fit")
        if configuration["n_threads"] == 1:
            raise EvaluationFailed(Status.REFUSED, "llama-server: the draft is of another kind.\nx")
        return super().sample(configuration, repeat)


def test_the_end_says_how_many_failed_and_has_a_line_for_each_terminal(cli, tmp_path, monkeypatch):
    tuning = prepared(tmp_path, monkeypatch, Refusing())
    output = tmp_path / "a place"
    words = [output if word == tmp_path / "out" else word for word in tuning.words]

    lines = cli(*words).stdout.splitlines()

    report = tuning._replace(output=output).recommendation
    assert report["failed"] == "2 configurations failed; 1 of them: oom: not loaded: does not fit."
    assert report["failed"] in lines
    serve, create = report["commands"]["ollama"]
    place = lines.index(f"Ollama: {serve}")
    assert lines[place + 1] == f"In another terminal, in {output}: {create}"
    assert lines[-1].endswith(shlex.join(["haqa-bench", "view", report["run"]]))
    assert report["run"] in shlex.split(lines[-1])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((), ""),
        ((("oom", "not loaded", 1),), "1 configuration failed: oom: not loaded."),
        (
            (("refused", "the draft has another vocabulary.", 3), ("oom", "not loaded", 1)),
            "4 configurations failed; 3 of them: refused: the draft has another vocabulary.",
        ),
    ],
)
def test_failures_are_told_in_a_line_with_the_commonest_reason(found, said):
    run = SimpleNamespace(rows=lambda name, kind: [kind(*one) for one in found])

    assert failed.told(run) == said
