"""Runs a job in a process of its own, with a time and a memory limit, so that no configuration can
take the run down.
"""

import signal
import subprocess
import sys
from typing import TypeVar

from haqa_bench.backends import orphans
from haqa_bench.backends.jobs import Fault, Job, Refusal, result_of
from haqa_bench.backends.wire import Mismatch, dump, load
from haqa_bench.errors import EvaluationFailed, HaqaError, Status

Result = TypeVar("Result")
NO_MEMORY = (
    "bad_alloc",
    "MemoryError",
    "failed to allocate",
    "insufficient memory",
    "failed to map segment",
    "allocate memory",
)
"""What a process says that ends for want of memory."""
ENVIRONMENT = {
    "GGML_NO_BACKTRACE": "1",  # else an abort runs a debugger first, for seconds
    "OPENBLAS_NUM_THREADS": "1",  # else numpy's threads wait busily where something is timed
}
BUILT_FOR_ANOTHER = (
    "ended by SIGILL: its library has instructions that this machine cannot run; build it again "
    "without them (docs/live.md)"
)


def run_job(job: Job[Result], timeout_s: float) -> Result:
    """The result that the job's worker gives.

    Raises:
        EvaluationFailed: it timed out, crashed, was killed, ran out of memory, or the tool refused
        the job.
        HaqaError: what the job is to work with is missing or damaged.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", job.worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=orphans.environment(**ENVIRONMENT),
    )
    try:
        output, complaints = process.communicate(dump(job), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise timeout_of(timeout_s) from None
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise failure_of(process.returncode, complaints)
    return parse_result(output, result_of(job))


def parse_result(output: str, kind: type[Result]) -> Result:
    """The result that a worker wrote.

    Raises:
        EvaluationFailed: the tool refused the job, or there is no result.
        HaqaError: what the job is to work with is missing or damaged.
    """
    try:
        answer: object = load(output, kind, Refusal, Fault)
    except Mismatch as fault:
        said = output.strip()[:200] or "nothing"
        raise EvaluationFailed(Status.CRASHED, f"no result ({fault}) but: {said}") from None
    if isinstance(answer, kind):
        return answer
    raise error_of(answer)


def error_of(answer: object) -> Exception:
    """The error that a worker's refusal or fault amounts to."""
    if isinstance(answer, Fault):
        return HaqaError(answer.where, answer.what, answer.todo)
    if isinstance(answer, Refusal):
        return EvaluationFailed(answer.status, answer.reason, facts=answer.facts)
    return TypeError(f"{answer!r} is neither a refusal nor a fault")


def timeout_of(timeout_s: float) -> EvaluationFailed:
    """The failure of what took too long."""
    return EvaluationFailed(Status.TIMEOUT, f"no result within {timeout_s:g} s")


def failure_of(code: int, complaints: str) -> EvaluationFailed:
    """The failure that an exit code and what was written to stderr amount to."""
    last = last_line(complaints)
    if any(words in complaints for words in NO_MEMORY):
        return EvaluationFailed(Status.OOM, last)
    if code == -signal.SIGKILL:
        return EvaluationFailed(
            Status.KILLED, "killed by signal 9: by the system for want of memory, or by somebody"
        )
    if code == -signal.SIGILL:
        return EvaluationFailed(Status.CRASHED, BUILT_FOR_ANOTHER)
    if code < 0:
        return EvaluationFailed(Status.CRASHED, f"ended by {signal.Signals(-code).name}: {last}")
    return EvaluationFailed(Status.CRASHED, f"exit code {code}: {last}")


def last_line(complaints: str) -> str:
    """The last line of what a process wrote to stderr."""
    return (complaints.strip().splitlines() or ["it said nothing"])[-1]
