"""Runs a job in a process of its own, with a time and a memory limit, so that no configuration can
take the run down.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.trial import Status


def run_job(module: str, job: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """The result that `python -m module` writes for `job`.

    Raises:
        EvaluationFailed: it timed out, crashed, was killed, ran out of memory, or the tool refused
        the job. HaqaError: what the job is to work with is missing or damaged.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={
            **os.environ,
            "GGML_NO_BACKTRACE": "1",
        },  # else an abort runs a debugger first, for seconds
    )
    try:
        output, complaints = process.communicate(json.dumps(job), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise EvaluationFailed(Status.TIMEOUT, f"no result within {timeout_s:g} s") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise died(process.returncode, complaints)
    return refused(output)


def refused(output: str) -> dict[str, Any]:
    """What a worker wrote, or what it says against the job.

    Raises:
        EvaluationFailed: the tool refused the job, or there is no result.
        HaqaError: what the job is to work with is missing or damaged.
    """
    try:
        result: dict[str, Any] = json.loads(output)
    except ValueError:
        raise EvaluationFailed(
            Status.CRASHED, f"no JSON result but: {output.strip()[:200] or 'nothing'}"
        ) from None
    if "unusable" in result:
        raise HaqaError(*result["unusable"])
    if "refused" in result:
        raise EvaluationFailed(Status(result["status"]), result["refused"])
    return result


def died(code: int, complaints: str) -> EvaluationFailed:
    """The failure that an exit code and what was written to stderr amount to."""
    last = (complaints.strip().splitlines() or ["it said nothing"])[-1]
    if any(
        word in complaints
        for word in (
            "bad_alloc",
            "MemoryError",
            "failed to allocate",
            "insufficient memory",
            "failed to map segment",
            "allocate memory",
        )
    ):
        return EvaluationFailed(Status.OOM, last)
    if code == -signal.SIGKILL:
        return EvaluationFailed(
            Status.KILLED, "killed by signal 9: by the system for want of memory, or by somebody"
        )
    if code < 0:
        return EvaluationFailed(Status.CRASHED, f"ended by {signal.Signals(-code).name}: {last}")
    return EvaluationFailed(Status.CRASHED, f"exit code {code}: {last}")
