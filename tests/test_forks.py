"""A process that forks for each job: what is shared is loaded once, and a job that dies takes
nothing with it.
"""

import os
import subprocess
import sys
import time

import psutil
import pytest

from haqa_bench.backends.forks import Forks
from haqa_bench.errors import EvaluationFailed, HaqaError, Status

JOBS = """\
from dataclasses import dataclass
from haqa_bench.backends.jobs import Job

@dataclass(frozen=True)
class Model:
    name: str

@dataclass(frozen=True)
class Did:
    model: str
    loader: int
    own: int

@dataclass(frozen=True, kw_only=True)
class Do(Job[Did], worker="fork_worker"):
    what: str
"""
WORKER = """\
import os, time
from dataclasses import dataclass
from fork_jobs import Did, Do, Model
from haqa_bench.backends.workers.frame import Refused, Unusable, serve
from haqa_bench.errors import Status

def share(shared: Model) -> dict:
    if shared.name == "none":
        raise Unusable("none", "no such model")
    if shared.name == "large":
        raise MemoryError
    return {"model": shared.name, "pid": os.getpid()}

def run(loaded: dict, job: Do) -> Did:
    if job.what == "crash":
        os.abort()
    if job.what == "raise":
        raise RuntimeError("a fault")
    if job.what == "hang":
        time.sleep(60)
    if job.what == "kill":
        os.kill(loaded["pid"], 9)
    if job.what == "refuse":
        raise Refused("no", Status.DIVERGED)
    loaded["model"] += " changed"
    return Did(loaded["model"], loaded["pid"], os.getpid())

serve(share, run)
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    (tmp_path / "fork_jobs.py").write_text(JOBS)
    (tmp_path / "fork_worker.py").write_text(WORKER)
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fork_jobs", raising=False)
    import fork_jobs

    return fork_jobs


@pytest.fixture
def forks(jobs):
    return Forks("fork_worker", jobs.Model("m"))


def test_jobs_share_what_was_loaded_and_none_changes_it_for_the_next(forks, jobs):
    one, other = forks.run(jobs.Do(what="work"), 30), forks.run(jobs.Do(what="work"), 30)

    assert one.model == other.model == "m changed"
    assert one.loader == other.loader
    assert one.own != other.own


@pytest.mark.parametrize(
    ("do", "status", "reason"),
    [
        ("crash", Status.CRASHED, "SIGABRT"),
        ("raise", Status.CRASHED, "RuntimeError: a fault"),
        ("refuse", Status.DIVERGED, "no"),
    ],
)
def test_a_job_that_fails_is_a_status_and_the_next_goes_on(forks, jobs, do, status, reason):
    with pytest.raises(EvaluationFailed, match=reason) as failure:
        forks.run(jobs.Do(what=do), 30)

    assert failure.value.status == status
    assert forks.run(jobs.Do(what="work"), 30).model == "m changed"


def test_a_job_that_hangs_is_ended_and_the_next_goes_on(forks, jobs):
    with pytest.raises(EvaluationFailed, match=r"no result within 0\.5 s"):
        forks.run(jobs.Do(what="hang"), 0.5)

    assert forks.run(jobs.Do(what="work"), 30).model == "m changed"


def test_where_the_forking_process_is_killed_another_takes_its_place(forks, jobs):
    first = forks.run(jobs.Do(what="work"), 30).loader

    with pytest.raises(EvaluationFailed, match="the process that forks for each trial ended"):
        forks.run(jobs.Do(what="kill"), 30)

    assert forks.run(jobs.Do(what="work"), 30).loader != first


def test_what_cannot_be_loaded_is_named_each_time(forks, jobs):
    forks.shared = jobs.Model("none")

    for _ in range(2):
        with pytest.raises(HaqaError, match="none: no such model"):
            forks.run(jobs.Do(what="work"), 30)


def test_what_is_too_large_to_be_loaded_is_a_status(jobs):
    with pytest.raises(EvaluationFailed) as failure:
        Forks("fork_worker", jobs.Model("large")).run(jobs.Do(what="work"), 30)

    assert failure.value.status is Status.OOM


def test_its_processes_end_with_the_one_that_started_it(jobs):
    hanging = """
from fork_jobs import Do, Model
from haqa_bench.backends.forks import Forks
Forks("fork_worker", Model("m")).run(Do(what="hang"), 60)
"""
    with subprocess.Popen([sys.executable, "-c", hanging]) as process:
        while len(found := psutil.Process(process.pid).children(recursive=True)) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()

    _, left = psutil.wait_procs(found, timeout=30)
    assert not left
