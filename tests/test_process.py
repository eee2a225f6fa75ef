"""Jobs in processes of their own: whatever a job does, it ends as a status with a reason."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pytest

from haqa_bench.backends.jobs import Done, Example, Job, Refusal
from haqa_bench.backends.process import run_job
from haqa_bench.backends.wire import Mismatch, dump, load
from haqa_bench.errors import EvaluationFailed, HaqaError, Status


@dataclass(frozen=True)
class Said:
    """What was said."""

    word: str


@dataclass(frozen=True, kw_only=True)
class Say(Job[Said], worker="a_worker"):
    """Says a word, or does what it stands for."""

    word: str


WORKER = """\
import resource
from dataclasses import dataclass
from haqa_bench.backends.jobs import Job
from haqa_bench.backends.workers.frame import Refused, Unusable, work
from haqa_bench.errors import Status

@dataclass(frozen=True)
class Said:
    word: str

@dataclass(frozen=True, kw_only=True)
class Say(Job[Said], worker="a_worker"):
    word: str

def say(job: Say) -> Said:
    print("prints are no answers")
    if job.word == "refuse":
        raise Refused("no such setting")
    if job.word == "refuse for memory":
        raise Refused("failed to allocate", Status.OOM)
    if job.word == "unusable":
        raise Unusable("a file", "is damaged", "Mend it")
    if job.word == "run out":
        raise MemoryError
    if job.word == "take much":
        return Said(str(len(bytearray(10**9))))
    if job.word == "torch":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    if job.word == "raise":
        raise RuntimeError("odd")
    if job.word == "multiply":
        import os
        import numpy
        numpy.ones((500, 500)) @ numpy.ones((500, 500))
        return Said(str(len(os.listdir("/proc/self/task"))))
    return Said(job.word)

work(say)
"""
BARE = {
    "hangs": "import time; time.sleep(60)",
    "aborts": "import os, sys; sys.stderr.write('GGML_ASSERT failed'); sys.stderr.flush(); "
    "os.abort()",
    "is_killed": "import os; os.kill(os.getpid(), 9)",
    "finds_no_instruction": "import os; os.kill(os.getpid(), 4)",
    "raises": "raise ValueError('odd')",
    "throws_bad_alloc": "import sys; sys.exit('terminate: what(): std::bad_alloc')",
    "prints_nonsense": "print('nonsense')",
    "gives_another_kind": 'print(\'{"kind": "Done"}\')',
}
PEAK = (
    "from haqa_bench.backends.workers.load import peak_bytes; b = bytearray(b'x' * "
    "50_000_000); print(peak_bytes())"
)


@pytest.fixture
def workers(tmp_path, monkeypatch):
    for name, code in {**BARE, "a_worker": WORKER}.items():
        (tmp_path / f"{name}.py").write_text(code)
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    return monkeypatch


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_no_thread_of_numpy_waits_busily_beside_what_is_timed(workers):
    """A kernel of 11 ms took 30 beside it, and nothing said so."""
    assert run_job(Say(word="multiply"), timeout_s=60).word == "1"


@pytest.mark.parametrize(
    ("worker", "status", "reason"),
    [
        ("hangs", Status.TIMEOUT, "no result within 0.5 s"),
        ("aborts", Status.CRASHED, "SIGABRT: GGML_ASSERT failed"),
        ("is_killed", Status.KILLED, "signal 9"),
        ("finds_no_instruction", Status.CRASHED, "SIGILL: its library .*docs/live.md"),
        ("raises", Status.CRASHED, "exit code 1: ValueError: odd"),
        ("throws_bad_alloc", Status.OOM, "bad_alloc"),
        ("prints_nonsense", Status.CRASHED, "no result .*but: nonsense"),
        ("gives_another_kind", Status.CRASHED, "is no Said or Refusal or Fault"),
    ],
)
def test_a_worker_that(workers, worker, status, reason):
    workers.setattr(Say, "worker", worker)

    with pytest.raises(EvaluationFailed, match=reason) as caught:
        run_job(Say(word="x"), timeout_s=0.5 if worker == "hangs" else 20)

    assert caught.value.status == status


@pytest.mark.parametrize(
    ("word", "memory", "status", "reason"),
    [
        ("refuse", 0, Status.REFUSED, "no such setting"),
        ("refuse for memory", 0, Status.OOM, "failed to allocate"),
        ("run out", 0, Status.OOM, "MemoryError"),
        ("take much", 200_000_000, Status.OOM, "MemoryError"),
        ("torch", 0, Status.OOM, "can't allocate memory"),
        ("raise", 0, Status.CRASHED, "exit code 1: RuntimeError: odd"),
    ],
)
def test_an_action_without_a_result_is_a_status(workers, word, memory, status, reason):
    with pytest.raises(EvaluationFailed, match=reason) as caught:
        run_job(Say(word=word, memory_bytes=memory), 20)

    assert caught.value.status == status


def test_what_cannot_be_worked_with_is_the_users_to_mend(workers):
    with pytest.raises(HaqaError, match=r"a file: is damaged\. Mend it"):
        run_job(Say(word="unusable"), 20)


def test_a_job_gives_its_result_and_prints_are_no_part_of_it(workers):
    assert run_job(Say(word="sea"), 20) == Said("sea")


@dataclass(frozen=True)
class Many:
    """A field of every kind that crosses the border."""

    ints: tuple[int, ...]
    pair: tuple[int, float]
    examples: tuple[Example, ...]
    named: Mapping[str, Mapping[str, int]]
    one: Literal["a", 2]
    status: Status
    maybe: Example | None = None
    share: float = 0.5


MANY = Many((1, 2), (3, 4.0), (Example((1,), (-100,)),), {"x": {"y": 1}}, 2, Status.OOM)


def test_a_document_comes_back_as_it_went():
    assert load(dump(MANY), Done, Many) == MANY


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ('"ints": [1, "2"]', r"ints\[1\]: '2' is no int"),
        ('"ints": 1', "ints: is no list"),
        ('"pair": [1]', "pair: has 1 values, not 2"),
        ('"examples": [{"input_ids": [1]}]', r"examples\[0\]\.labels: is missing"),
        ('"named": {"x": {"y": true}}', r"named\.x\.y: True is no int"),
        ('"named": []', "named: is no object"),
        ('"one": "b"', "one: 'b' is none of 'a', 2"),
        ('"status": "odd"', "status: 'odd' is no Status"),
        ('"share": "much"', "share: 'much' is no float"),
        ('"more": 1', "more: unknown to Many"),
        ('"kind": "Few"', "is no Many"),
    ],
)
def test_a_document_of_another_form_is_named(change, complaint):
    with pytest.raises(Mismatch, match=complaint):
        load(f"{dump(MANY)[:-1]}, {change}}}", Many)


def test_a_refusal_that_was_read_has_a_status():
    assert load(dump(Refusal(Status.OOM, "too large")), Refusal).status is Status.OOM


def test_a_process_s_peak_is_its_own_and_not_that_of_whoever_started_it():
    mine = bytearray(b"x" * 300_000_000)

    told = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)

    assert len(mine) == 300_000_000
    assert 50_000_000 < int(told.stdout) < 200_000_000
