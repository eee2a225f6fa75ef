"""Jobs in processes of their own: whatever a job does, it ends as a status with a reason."""

import subprocess
import sys

import pytest

from haqa_bench.backends.process import run_job
from haqa_bench.errors import EvaluationFailed
from haqa_bench.trial import Status

JOBS = {
    "hangs": "import time; time.sleep(60)",
    "aborts": "import os, sys; sys.stderr.write('GGML_ASSERT failed'); sys.stderr.flush(); os.abort()",
    "is_killed": "import os; os.kill(os.getpid(), 9)",
    "raises": "raise ValueError('odd')",
    "runs_out": "raise MemoryError",
    "throws_bad_alloc": "import sys; sys.exit('terminate: what(): std::bad_alloc')",
    "refuses": 'print(\'{"refused": "no such setting", "status": "refused"}\')',
    "refuses_for_memory": 'print(\'{"refused": "failed to allocate", "status": "oom"}\')',
    "prints_nonsense": "print('nonsense')",
}


PEAK = "from haqa_bench.backends.workers.load import peak_bytes; b = bytearray(b'x' * 50_000_000); print(peak_bytes())"


@pytest.mark.parametrize(
    ("job", "status", "reason"),
    [
        ("hangs", Status.TIMEOUT, "no result within 0.5 s"),
        ("aborts", Status.CRASHED, "SIGABRT: GGML_ASSERT failed"),
        ("is_killed", Status.KILLED, "signal 9"),
        ("raises", Status.CRASHED, "exit code 1: ValueError: odd"),
        ("runs_out", Status.OOM, "MemoryError"),
        ("throws_bad_alloc", Status.OOM, "bad_alloc"),
        ("refuses", Status.REFUSED, "no such setting"),
        ("refuses_for_memory", Status.OOM, "failed to allocate"),
        ("prints_nonsense", Status.CRASHED, "no JSON"),
    ],
)
def test_a_job_that(tmp_path, monkeypatch, job, status, reason):
    (tmp_path / f"{job}.py").write_text(JOBS[job])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(EvaluationFailed, match=reason) as caught:
        run_job(job, {}, timeout_s=0.5 if job == "hangs" else 20)

    assert caught.value.status == status


def test_a_job_gets_its_words_and_gives_its_result(tmp_path, monkeypatch):
    (tmp_path / "echo.py").write_text(
        "import json, sys; print(json.dumps({'got': json.load(sys.stdin)}))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert run_job("echo", {"a": 1}, timeout_s=20) == {"got": {"a": 1}}


def test_a_process_s_peak_is_its_own_and_not_that_of_whoever_started_it():
    mine = bytearray(b"x" * 300_000_000)

    told = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)

    assert len(mine) == 300_000_000
    assert 50_000_000 < int(told.stdout) < 200_000_000
