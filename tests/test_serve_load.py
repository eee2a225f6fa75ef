"""A load of users on a stand-in for llama-server, in processes of their own as ever."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import chain

import psutil
import pytest
import stand_in_server
from stand_in_server import BEGINS, VOCABULARY

from haqa_bench.backends import orphans
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.backends.process import run_job
from haqa_bench.backends.wire import dump
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tracks.serve import readings
from haqa_bench.tracks.serve.jobs import Asked, Load, ServerSettings
from haqa_bench.tracks.serve.workload import Slo

LONG_S = 120
"""For a machine that has much else to do."""
LAX = Slo(first_token_ms=60_000, between_tokens_ms=60_000)


def job_of(folder, users=2, requests=2, answer=4, repeats=2, server=None, **more):
    """Each user sends so many requests of 8 tokens."""
    asked = ((Asked(8, answer),) * requests,) * users
    return Load(
        program=str(folder / "llama-server"),
        model="m.gguf",
        server=server or ServerSettings(),
        n_ctx=1024,
        users=asked,
        repeats=repeats,
        **{"patience_s": LONG_S, "settings": ONE_THREAD, **more},
    )


@pytest.fixture
def load(tmp_path):
    """Loads a stand-in that behaves as told."""

    def loaded(*, job=(), **told):
        folder = stand_in_server.tools(tmp_path / "tools", **told)
        return run_job(job_of(folder, **dict(job)), LONG_S)

    return loaded


@pytest.fixture
def asked(tmp_path):
    return lambda: stand_in_server.asked(tmp_path / "tools")


def answers(served):
    return [*chain(*(repeat.answers for repeat in served.repeats))]


def values(served, slo=LAX):
    return {name: found for (name, _), found in readings.readings(served, slo).items()}


UNUSABLE = "warning: no usable GPU found, --gpu-layers option will be ignored\n"
OFFLOADED = "load_tensors: offloaded 9/33 layers to GPU\nload_tensors: offloaded 3/3 layers to GPU"
OFFLOADING = replace(ONE_THREAD, n_gpu_layers=33)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (UNUSABLE + 999 * "It says much of its model.\n", "layers are to be on a device, and it"),
        (OFFLOADED, "33 of 33 layers are to be on a device, and 9 are"),
    ],
)
def test_layers_that_are_not_on_a_device_are_a_status(load, says, told):
    with pytest.raises(EvaluationFailed, match=told) as caught:
        load(job={"settings": OFFLOADING}, says=says)

    assert caught.value.status == Status.FEWER_LAYERS


def test_layers_that_are_where_they_are_to_be_are_no_fault(load):
    for settings, says in (
        (ONE_THREAD, UNUSABLE),  # it says so wherever -ngl is given
        (replace(OFFLOADING, n_gpu_layers=9), OFFLOADED),
        (OFFLOADING, "it does not say"),
    ):
        assert answers(load(job={"settings": settings}, says=says))


def test_times_are_what_the_server_made_users_wait(load):
    served = load(first_s=0.05, between_s=0.02)

    assert [len(repeat.answers) for repeat in served.repeats] == [4, 4]
    for one in answers(served):
        assert one.fault == ""
        assert one.first_ms >= 50
        assert one.between_ms >= 10  # a late look at the first token makes it less
        assert len(one.tokens_ms) == 4
        assert one.timings.predicted_n == 4
    for repeat in served.repeats:
        assert repeat.seconds >= 2 * (0.05 + 3 * 0.02)  # of two requests, one after the other
    assert (served.slots, served.n_ctx_slot) == (4, 512)
    assert served.peak_bytes > 10**6
    assert served.ready_s > 0
    assert "clock_disagrees" not in readings.facts(served)


def test_users_ask_at_once_and_each_waits_for_its_own_answer(load):
    served = load(first_s=0.3, job={"users": 4, "requests": 1, "repeats": 1})

    assert served.repeats[0].seconds < 4 * 0.3


def test_who_finds_no_slot_waits_and_the_wait_counts(load):
    one = ServerSettings(parallel=1)
    served = load(first_s=0.1, warm=1, job={"users": 3, "requests": 1, "repeats": 1, "server": one})

    first = sorted(one.first_ms for one in answers(served))
    assert all(ms >= 100 * place - 50 for place, ms in enumerate(first, 1))  # not sent at once
    assert "clock_disagrees" not in readings.facts(served)


def test_each_slot_is_warmed_up_and_every_prompt_is_another(load, asked):
    load(job={"answer": 20})

    warm, counted = asked()[:4], asked()[4:]
    prompts = [tuple(one["prompt"]) for one in asked()]
    assert [one["n_predict"] for one in warm] == [8] * 4
    assert [one["n_predict"] for one in counted] == [20] * 8
    assert len({*prompts}) == 12
    assert {len(prompt) for prompt in prompts} == {8}
    assert all(0 <= token < VOCABULARY for prompt in prompts for token in prompt)
    for one in counted:
        assert one["stream"]
        assert one["ignore_eos"]
        assert one["temperature"] == 0
        assert one["cache_prompt"] is False


def test_prompts_are_cut_from_a_text_and_begin_as_texts_do(load, asked):
    text = "".join(map(chr, range(32, 32 + 70)))
    served = load(job={"text": text, "users": 1})

    first, second = (one["prompt"] for one in asked()[4:6])
    assert first == [BEGINS, *text.encode()[:7]]
    assert second == [BEGINS, *text.encode()[7:14]]
    assert served.text_rounds == pytest.approx(8 * 7 / 70)  # four that count, four that warm up
    assert readings.facts(served)["text_rounds"] == "0.80"


def test_a_text_that_is_shorter_than_a_prompt_is_the_users_to_mend(load):
    with pytest.raises(HaqaError, match="has 3 tokens, and the longest prompt 8"):
        load(job={"text": "abc"})


def test_a_user_whose_connection_is_cut_goes_on_and_its_request_does_not_count(load):
    served = load(cut=(1, 2))

    found = values(served)
    assert sum("cut off after" in one.fault for one in answers(served)) == 2
    assert found["within_slo"] == [0.5, 1.0]
    assert readings.facts(served)["failed_requests"].startswith("2 of 8: cut off after")


def test_an_answer_of_fewer_tokens_than_asked_for_does_not_count_and_all_are_a_refusal(load):
    with pytest.raises(EvaluationFailed, match="no request was answered: 3 of 4 tokens") as caught:
        load(short=1)

    assert caught.value.status == Status.REFUSED


def test_what_every_request_is_refused_for_is_told_with_the_servers_last_words(load):
    said = "HTTP 400: .*the request exceeds the context.*llama-server said last: listening"
    with pytest.raises(EvaluationFailed, match=said) as caught:
        load(refused="the request exceeds the context")

    assert caught.value.status == Status.REFUSED
    assert "\n" not in caught.value.reason


def test_an_slo_that_is_never_met_is_a_goodput_of_0(load):
    strict = Slo(first_token_ms=1, between_tokens_ms=60_000)

    found = values(load(first_s=0.02), strict)

    assert (found["goodput_per_s"], found["within_slo"]) == ([0.0, 0.0], [0.0, 0.0])


def test_guesses_are_counted_as_the_server_tells_them(load):
    assert values(load(drafted=8, accepted=6))["drafted_accepted"] == [0.75, 0.75]
    assert "drafted_accepted" not in values(load())


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"claimed_ms": 5000}, "first to last token -"),
        ({"claimed_ms": 0, "between_s": 0.05}, "first to last token +"),
        ({"claimed_prompt_ms": 5000}, "until the first token -"),
    ],
)
def test_a_server_whose_own_timing_is_another_is_told(load, told, said):
    assert readings.facts(load(**told))["clock_disagrees"].startswith(said)


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        ({"dies": "error: invalid argument: --x"}, "crashed", "exit code 1: error: invalid arg"),
        ({"dies": "ggml: failed to allocate buffer"}, "oom", "failed to allocate buffer"),
        ({"dies_at": 3}, "crashed", r"ended by SIGABRT: GGML_ASSERT\(false\) failed"),
        ({"dies_at": -2}, "crashed", "ended by SIGABRT"),  # while it warms up
    ],
)
def test_a_server_that_dies_is_a_status_with_its_last_words(load, told, status, said):
    with pytest.raises(EvaluationFailed, match=f"llama-server: .*{said}") as caught:
        load(**told)

    assert caught.value.status == status


def test_a_server_that_gets_never_ready_is_given_up_in_time(load):
    with pytest.raises(EvaluationFailed, match="not ready within 2 s; it said last: li") as caught:
        load(never_ready=True, job={"patience_s": 2.0})

    assert caught.value.status == Status.TIMEOUT


def test_a_program_that_is_none_says_so(tmp_path):
    with pytest.raises(EvaluationFailed, match="cannot be started") as caught:
        run_job(job_of(tmp_path), LONG_S)

    assert caught.value.status == Status.CRASHED


def test_no_variable_of_the_environment_changes_the_servers_settings(load, tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")
    monkeypatch.setenv("LLAMA_API_KEY", "secret")
    load()

    found = stand_in_server.started(tmp_path / "tools")
    assert not [name for name in found["environment"] if name.startswith("LLAMA_")]
    assert found["words"][:4] == ["-m", "m.gguf", "-c", "1024"]
    assert found["words"][-4:-1] == ["--host", "127.0.0.1", "--port"]


def running(folder, until):
    """The stand-in's process id, once it has written what it was started with."""
    while time.monotonic() < until:
        try:
            return stand_in_server.started(folder)["pid"]
        except (FileNotFoundError, ValueError):
            time.sleep(0.02)
    raise AssertionError("the server was not started")


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_with_its_worker(tmp_path, by):
    folder = stand_in_server.tools(tmp_path / "tools", never_ready=True)
    worker = subprocess.Popen(
        [sys.executable, "-m", Load.worker],
        stdin=subprocess.PIPE,
        text=True,
        env=orphans.environment(),
    )
    worker.stdin.write(dump(job_of(folder)))
    worker.stdin.close()
    server = psutil.Process(running(folder, time.monotonic() + LONG_S))

    os.kill(worker.pid, by)
    worker.wait()

    assert psutil.wait_procs([server], timeout=LONG_S)[1] == []


def test_the_server_has_ended_when_its_load_has(load, tmp_path):
    load()

    assert not psutil.pid_exists(stand_in_server.started(tmp_path / "tools")["pid"])
