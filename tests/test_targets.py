"""Devices that are not this machine: command lines, limits, and what comes back. A real sshd:
test_live.py.
"""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support import REPOSITORY

from haqa_bench import hardware, suite
from haqa_bench.backends import targets
from haqa_bench.backends.llama_jobs import with_defaults
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tracks.deploy import llama_tools, remote
from haqa_bench.tracks.deploy.workload import DeployWorkload

SETTINGS = with_defaults(
    {
        "format": "Q4_0",
        "n_threads": 4,
        "n_ubatch": 64,
        "flash_attn": "on",
        "type_k": "q8_0",
        "type_v": "f16",
    }
)
WORK = DeployWorkload(n_prompt=64, n_generate=16, repeats=2)
SSH = targets.parse("ssh://bench@phone:8022/data/llama.cpp")
ADB = targets.parse("adb://R5CT1234/data/local/tmp/llama.cpp")


def test_a_profile_names_a_target_in_one_of_two_forms():
    assert targets.Target("ssh", "bench@phone", 8022, "/data/llama.cpp") == SSH
    assert targets.Target("adb", "R5CT1234", 22, "/data/local/tmp/llama.cpp") == ADB
    assert targets.parse("adb://192.168.1.7:5555/data/x").address == "192.168.1.7:5555"


@pytest.mark.parametrize(
    "text",
    [
        "phone",
        "ssh://phone",
        "ssh://-oProxyCommand=x/data",
        "adb://a b/data",
        "ssh://h/a;rm",
        "http://h/a",
    ],
)
def test_a_target_of_another_form_is_refused(text, tmp_path):
    found = json.loads(hardware.load(REPOSITORY / "hardware", "oneplus-11").model_dump_json()) | {
        "target": text
    }
    (tmp_path / "phone.yaml").write_text(json.dumps(found))

    with pytest.raises(
        HaqaError, match=r"target: .* is not of the form ssh://USER@HOST:PORT/FOLDER"
    ):
        hardware.load(tmp_path, "phone")


def test_adb_is_called_by_these_command_lines(monkeypatch, tmp_path):
    calls = []

    def run(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="0", stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")

    assert ADB.put(model, "Q4_0.gguf") == "/data/local/tmp/llama.cpp/models/Q4_0.gguf"
    ADB.run(
        llama_tools.bench("./llama-bench", "models/Q4_0.gguf", SETTINGS, WORK), 120.0, 4 * 10**9
    )
    assert calls[2] == [
        "adb",
        "-s",
        "R5CT1234",
        "push",
        str(model),
        "/data/local/tmp/llama.cpp/models/Q4_0.gguf",
    ]
    assert calls[3] == [
        "adb",
        "-s",
        "R5CT1234",
        "shell",
        "cd /data/local/tmp/llama.cpp && ulimit -d 3906250 && timeout 120 "
        "./llama-bench -m models/Q4_0.gguf -p 64 -n 16 -pg 64,16 -r 2 "
        "-ngl 0 -t 4 -b 2048 -ub 64 -ctk q8_0 -ctv f16 -fa 1 -o json",
    ]


def test_ssh_asks_for_no_password_and_quotes_what_it_sends():
    assert SSH.remote("true") == [
        "ssh",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=20",
        "-p",
        "8022",
        "bench@phone",
        "true",
    ]
    assert (
        SSH.line(["echo", "a; rm -rf /"], 5.0)
        == "cd /data/llama.cpp && timeout 5 echo 'a; rm -rf /'"
    )
    assert SSH.copy(Path("m.gguf"), "/data/m.gguf")[-2:] == ["bench@phone", "cat > /data/m.gguf"]


def test_settings_of_gpus_are_sent_where_one_is_used():
    gpu = replace(SETTINGS, n_gpu_layers=99, split_mode="row", main_gpu=1)

    assert "-ngl 99 -sm row -mg 1" in " ".join(
        llama_tools.bench("llama-bench", "m.gguf", gpu, WORK)
    )
    assert "-lm none -o json" in " ".join(
        llama_tools.bench("llama-bench", "m.gguf", replace(SETTINGS, mmap=False), WORK)
    )
    assert "-sm" not in llama_tools.cli("llama-cli", "m.gguf", SETTINGS, 512)


def test_tokens_that_lie_in_the_cache_are_llama_bench_s_own_option():
    deep = WORK.model_copy(update={"depth": 256})

    assert "-d 256" in " ".join(llama_tools.bench("llama-bench", "m.gguf", SETTINGS, deep))
    assert "-d" not in llama_tools.bench("llama-bench", "m.gguf", SETTINGS, WORK)


def test_repacking_is_switched_off_by_each_tool_s_own_option():
    plain = replace(SETTINGS, repack=False)

    assert "--repack 0" in " ".join(llama_tools.bench("llama-bench", "m.gguf", plain, WORK))
    assert "--no-repack" in llama_tools.cli("llama-cli", "m.gguf", plain, 512)
    assert "llama-cpp-python" not in llama_tools.commands(Path("m.gguf"), plain, 512)


@pytest.mark.parametrize(
    ("code", "complaint", "status"),
    [
        (124, "", "timeout"),
        (1, "llama_model_load: failed to allocate buffer", "oom"),
        (137, "Killed", "killed"),
        (139, "Segmentation fault", "crashed"),
        (1, "error: unknown argument", "crashed"),
    ],
)
def test_what_ends_there_is_a_status_here(monkeypatch, code, complaint, status):
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(
            command, code, stdout="", stderr=complaint
        ),
    )

    with pytest.raises(EvaluationFailed) as failure:
        SSH.run(["./llama-bench"], 10.0)
    assert failure.value.status == status


def test_a_target_that_cannot_be_reached_ends_the_run(monkeypatch):
    said = "ssh: connect to host phone port 8022: Connection refused"
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 255, stdout="", stderr=said),
    )

    with pytest.raises(
        HaqaError,
        match=r"ssh://bench@phone: ssh: connect to host phone port 8022: Connection refused",
    ):
        SSH.run(["true"], 10.0)


def entry(n_prompt: int, n_gen: int, seconds: list[float], **more: object) -> dict[str, object]:
    settings = {
        "n_threads": 4,
        "n_batch": 2048,
        "n_ubatch": 64,
        "type_k": "q8_0",
        "type_v": "f16",
        "n_gpu_layers": 0,
    }
    samples = [round(s * 1e9) for s in seconds]
    return {
        "n_prompt": n_prompt,
        "n_gen": n_gen,
        "samples_ns": samples,
        "build_commit": "abc123",
        "backends": "OpenCL",
        **settings,
        **more,
    }


def test_llama_benchs_json_becomes_samples_and_facts():
    output = json.dumps(
        [
            entry(64, 0, [0.5, 0.4]),
            entry(0, 16, [1.0, 1.1]),
            entry(64, 16, [1.5, 1.6], gpu_info="Adreno 740"),
        ]
    )
    found = llama_tools.parse_bench(output, SETTINGS, WORK)

    assert (found.prompt_s, found.generate_s, found.total_s) == ([0.5, 0.4], [1.0, 1.1], [1.5, 1.6])
    assert (found.facts["build_commit"], found.facts["backends"], found.facts["gpu_info"]) == (
        "abc123",
        "OpenCL",
        "Adreno 740",
    )


def test_other_settings_than_asked_for_are_refused():
    output = json.dumps(
        [entry(64, 0, [0.5]), entry(0, 16, [1.0]), entry(64, 16, [1.5], n_threads=8)]
    )

    with pytest.raises(EvaluationFailed, match="other settings took effect: n_threads = 8"):
        llama_tools.parse_bench(output, SETTINGS, WORK)


@pytest.mark.parametrize("output", ["", "Killed", "[]", '{"n_prompt": 64}'])
def test_output_that_is_no_result_is_a_crash(output):
    with pytest.raises(EvaluationFailed, match="gave no such JSON"):
        llama_tools.parse_bench(output, SETTINGS, WORK)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("int8", "Leave n_threads_batch out"),
        ("int4", "measures neither perplexity nor peak memory"),
    ],
)
def test_what_llama_bench_cannot_do_or_tell_is_refused_at_once(monkeypatch, cell, message):
    monkeypatch.setattr(remote, "require_llama_cpp", lambda: None)
    found = next(
        c
        for c in suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells
        if c.id.endswith(f"{cell}-epyc-zen4-2core")
    )
    free = (
        found.objective.model_copy(update={"constraints": ()})
        if cell == "int8"
        else found.objective
    )
    device = found.hardware.model_copy(update={"target": "ssh://bench@phone/data/llama.cpp"})

    with pytest.raises(HaqaError, match=message):
        remote.RemoteEvaluator(found.model_copy(update={"hardware": device, "objective": free}))
