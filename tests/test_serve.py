"""The serve track's workload, settings and words: what a suite may say, and how llama-server is
started. That it runs: test_serve_load.py.
"""

import json
import shlex
from collections import Counter

import pytest
import stand_in_server
from pydantic import ValidationError
from support import REPOSITORY

from haqa_bench import suite, tracks
from haqa_bench.backends import llama_programs
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tracks.serve.settings import with_defaults
from haqa_bench.tracks.serve.workload import ServeWorkload

SLO = {"first_token_ms": 1000, "between_tokens_ms": 100}
WORK = {"users": 2, "prompts": [64, 200], "answers": [16], "slo": SLO, "n_ctx": 256}
SUITE = """\
name: serving
models:
  Net: {gguf: package:none, architecture: llama, parameters: 1000}
methods: [{name: default, optimizer: default}]
seeds: [0]
cells:
  - track: serve
    models: [Net]
    bit_widths: [INT4]
    hardware: [epyc-zen4-2core]
    workload: {users: 2, prompts: [64], answers: [16], requests: 3, repeats: 2, n_ctx: 256,
      slo: {first_token_ms: 1000, between_tokens_ms: 100}, MORE}
    space:
      format: {choices: [Q4_0, Q8_0], default: Q4_0}
      n_threads: {choices: [2], default: 2}
      parallel: {choices: [1, 2, 4], default: 4}
      speculation: {choices: [none, KIND], default: none}
    objective: {metric: goodput_per_s}
    budget: {proposals: 2}
"""


def cell_of(folder, more="timeout_s: 20", kind="ngram-simple"):
    path = folder / "serving.yaml"
    path.write_text(SUITE.replace("MORE", more).replace("KIND", kind))
    return suite.load(path, REPOSITORY).cells[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_ctx": 215}, "have 216 tokens together, and must fit in n_ctx = 215"),
        ({"users": 0}, "users\n.*greater than or equal to 1"),
        ({"users": 257}, "users\n.*less than or equal to 256"),
        ({"requests": 0}, "requests\n.*greater than or equal to 1"),
        ({"repeats": 0}, "repeats\n.*greater than or equal to 1"),
        ({"prompts": []}, "prompts\n.*at least 1 item"),
        ({"prompts": [0]}, r"prompts.0\n.*greater than or equal to 1"),
        ({"answers": [1]}, r"answers.0\n.*greater than or equal to 2"),
        ({"slo": {**SLO, "first_token_ms": 0}}, r"slo.first_token_ms\n.*greater than 0"),
        ({"slo": {**SLO, "between_tokens_ms": -1}}, r"slo.between_tokens_ms\n.*greater than 0"),
        ({"slo": {"first_token_ms": 1}}, r"slo.between_tokens_ms\n.*Field required"),
        ({"memory_gb": 0}, "memory_gb\n.*greater than 0"),
        ({"depth": 3}, "depth\n.*Extra inputs"),
    ],
)
def test_a_workload_that_cannot_be_is_refused(change, said):
    workload(WORK)

    with pytest.raises(ValidationError, match=said):
        workload({**WORK, **change})


def workload(fields):
    return ServeWorkload.model_validate_json(json.dumps(fields))


def test_what_is_asked_is_the_same_each_time_and_each_length_as_often_as_any_other():
    work = {"users": 3, "requests": 4, "prompts": [8, 16, 32, 64], "answers": [4, 9], "slo": SLO}
    found = workload(work).asked

    assert found == workload(work).asked
    assert [len(of) for of in found] == [4, 4, 4]
    assert Counter(one.prompt for of in found for one in of) == {8: 3, 16: 3, 32: 3, 64: 3}
    assert Counter(one.answer for of in found for one in of) == {4: 6, 9: 6}
    assert [one.prompt for one in found[0]] != [8, 16, 32, 64]  # mixed


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("draft-simple", "timeout_s: 9", "draft-simple needs a draft model: name its file in"),
        ("eagle", "timeout_s: 9", "'eagle' is none of none, ngram-simple"),
        ("ngram-mod", "text: nowhere.txt", "nowhere.txt: No such file"),
        ("ngram-mod", "text: ../x.txt", "text that prompts are cut from must lie beside"),
    ],
)
def test_a_suite_that_cannot_be_run_is_refused_when_it_is_read(tmp_path, kind, more, said):
    with pytest.raises(HaqaError, match=said):
        cell_of(tmp_path, more, kind)


def test_a_model_without_a_file_and_a_space_without_threads_are_refused(tmp_path):
    path = tmp_path / "serving.yaml"
    whole = SUITE.replace("MORE", "timeout_s: 9").replace("KIND", "ngram-mod")
    for left_out, said in (
        ("gguf: package:none, ", "has no gguf, and is not synthetic"),
        ("      n_threads: {choices: [2], default: 2}\n", "'n_threads' is missing"),
    ):
        path.write_text(whole.replace(left_out, ""))
        with pytest.raises(HaqaError, match=said):
            suite.load(path, REPOSITORY)


def test_a_draft_and_a_text_make_a_suite_whole(tmp_path):
    (tmp_path / "words.txt").write_text("Words to be cut.")

    cell = cell_of(tmp_path, "draft: d.gguf, text: words.txt", "draft-simple")

    assert cell.id.endswith("-serve-2")
    assert cell.texts == {"text": "Words to be cut."}
    assert cell.objective.unit == "1/s"
    assert cell.objective.direction == "maximize"


def test_agents_are_told_of_the_load_and_rules_begin_with_a_slot_for_each_user(tmp_path):
    cell = cell_of(tmp_path)
    track = tracks.of(cell)

    about, first, *others = track.words(cell)["about"], *track.priors(cell)

    assert "answers 2 users at once, who each ask, 3 times one after the other" in about
    assert "prompts of 64 tokens, answers of 16" in about
    assert "within 1000 ms, and the others, on average, every 100 ms" in about
    assert (first.parameter, first.value) == ("parallel", 2)
    assert {rule.parameter for rule in others} >= {"n_threads", "format", "flash_attn"}
    assert not {rule.parameter for rule in others} & {"type_k", "type_v"}


def test_settings_are_parted_and_what_is_left_out_is_llama_servers_own():
    settings, server = with_defaults({"format": "Q4_0", "n_threads": 2, "parallel": 8})

    assert settings == Settings(n_threads=2, n_threads_batch=2)
    assert server == ServerSettings(parallel=8)
    assert ServerSettings() == ServerSettings(
        parallel=4, kv_unified=True, cont_batching=True, speculation="none"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parallel": 0}, "parallel: 0 is not between 1 and 256"),
        ({"parallel": "4"}, "parallel: '4' is no int"),
        ({"draft_max": 1025}, "draft_max: 1025 is not between 0 and 1024"),
        ({"draft_min": -1}, "draft_min: -1 is not between 0 and 1024"),
        ({"draft_max": 4, "draft_min": 5}, "draft_min: 5 is more than draft_max = 4"),
        ({"draft_p_min": 1.5}, "draft_p_min: 1.5 is not between 0 and 1"),
        ({"speculation": "eagle"}, "speculation: 'eagle' is none of"),
        ({"n_threads": 0}, "n_threads: 0 is not between"),
    ],
)
def test_settings_that_llama_server_would_not_take_are_a_status(change, said):
    with pytest.raises(EvaluationFailed, match=said) as caught:
        with_defaults({"format": "Q4_0", "n_threads": 2, **change})

    assert caught.value.status == Status.REFUSED


PLAIN = Settings(n_threads=2, n_threads_batch=3)
BEGINS = (
    "llama-server -m m.gguf -c 1024 -tb 3 -fa auto -ngl 0 -t 2 -b 2048 -ub 512 -ctk f16 -ctv f16"
    " -dev none"
)


@pytest.mark.parametrize(
    ("settings", "server", "line"),
    [
        (PLAIN, ServerSettings(), f"{BEGINS} -np 4 -kvu -cb"),
        (
            Settings(n_threads=2, n_threads_batch=3, mmap=False, repack=False),
            ServerSettings(parallel=2, kv_unified=False, cont_batching=False),
            BEGINS.replace("-fa auto", "-fa auto -lm none --no-repack") + " -np 2 -no-kvu -nocb",
        ),
        (
            PLAIN,
            ServerSettings(speculation="ngram-cache", draft_max=5),  # which has no such option
            f"{BEGINS} -np 4 -kvu -cb --spec-type ngram-cache",
        ),
        (
            PLAIN,
            ServerSettings(speculation="ngram-simple", draft_max=16),
            f"{BEGINS} -np 4 -kvu -cb --spec-type ngram-simple --spec-ngram-simple-size-m 16",
        ),
        (
            PLAIN,
            ServerSettings(speculation="ngram-map-k", draft_max=16),
            f"{BEGINS} -np 4 -kvu -cb --spec-type ngram-map-k --spec-ngram-map-k-size-m 16",
        ),
        (
            PLAIN,
            ServerSettings(speculation="ngram-mod", draft_max=16),  # its own least would be 48
            f"{BEGINS} -np 4 -kvu -cb --spec-type ngram-mod --spec-ngram-mod-n-max 16 "
            "--spec-ngram-mod-n-min 0",
        ),
        (
            PLAIN,
            ServerSettings(speculation="draft-simple", draft_max=8, draft_min=2, draft_p_min=0.5),
            f"{BEGINS} -np 4 -kvu -cb --spec-type draft-simple --spec-draft-n-max 8 "
            "--spec-draft-n-min 2 -md d.gguf --spec-draft-p-min 0.5 -ngld 0 -devd none",
        ),
        (
            Settings(n_threads=2, n_threads_batch=3, n_gpu_layers=9, cpu_moe=True),
            ServerSettings(speculation="draft-simple"),
            "llama-server -m m.gguf -c 1024 -tb 3 -fa auto -cmoe -ngl 9 -sm layer -mg 0 -t 2 "
            "-b 2048 -ub 512 -ctk f16 -ctv f16 -np 4 -kvu -cb --spec-type draft-simple -md d.gguf "
            "--spec-draft-p-min 0",
        ),
    ],
    ids=["own", "all off", "cache", "simple", "map", "mod", "draft", "device"],
)
def test_the_command_has_every_setting(settings, server, line):
    found = command.command("/x/llama-server", "m.gguf", settings, server, 1024, "d.gguf")
    shown = command.shown("m.gguf", settings, server, 1024, "d.gguf")

    assert shown == line
    assert found == ["/x/llama-server", *shlex.split(shown)[1:]]


def test_what_is_for_the_measurement_alone_is_in_no_line_to_copy():
    assert command.measured(8123) == ["-cram", "0", "--host", "127.0.0.1", "--port", "8123"]
    assert "-cram" not in command.shown("m.gguf", PLAIN, ServerSettings(), 1024)


@pytest.mark.parametrize(
    ("server", "tokens"),
    [
        (ServerSettings(), 4 * 512),  # one cache, in which four of eight users are answered
        (ServerSettings(parallel=16), 8 * 512),
        (ServerSettings(parallel=16, kv_unified=False), 16 * 512),
        (ServerSettings(parallel=2, kv_unified=False), 2 * 512),
    ],
)
def test_the_cache_has_room_for_each_user_that_is_answered(server, tokens):
    assert command.total_context(512, 8, server) == tokens


def test_the_server_of_the_named_folder_comes_before_that_on_path(tmp_path, monkeypatch):
    own, other = (stand_in_server.tools(tmp_path / name) for name in ("own", "other"))
    monkeypatch.setenv("PATH", str(other))
    monkeypatch.setenv(llama_programs.TOOLS, str(own))
    assert llama_programs.found(command.NAME) == str(own / "llama-server")

    monkeypatch.setenv(llama_programs.TOOLS, str(tmp_path))
    assert llama_programs.found(command.NAME) == str(other / "llama-server")

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HaqaError, match="Take it from llama") as caught:
        llama_programs.found(command.NAME)
    assert "\n" not in str(caught.value)


def test_a_version_is_the_programs_own_line_and_unknown_of_what_is_none(tmp_path):
    program = stand_in_server.tools(tmp_path) / "llama-server"

    assert llama_programs.version(str(program)) == stand_in_server.VERSION
    assert llama_programs.version(str(tmp_path / "nothing")) == llama_programs.UNTOLD


def test_a_setting_of_guessing_is_refused_where_nothing_is_guessed():
    """The server is started as without it, so it would be the default measured once more."""
    with pytest.raises(EvaluationFailed, match="draft_max 8 does nothing without speculation"):
        command.check(ServerSettings(draft_max=8))
    command.check(ServerSettings())
    command.check(ServerSettings(speculation="ngram-mod", draft_max=8))
