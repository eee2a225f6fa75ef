"""A process that forks for each job: what is shared is loaded once, and a job that dies takes
nothing with it.
"""

import os

import pytest

from haqa_bench.backends.forks import Forks
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.trial import Status

WORKER = """\
import os, time
from haqa_bench.backends.forks import serve

class Unusable(Exception): pass

def load(shared):
    if shared["model"] == "none":
        raise Unusable("none", "no such model")
    return {"model": shared["model"], "pid": os.getpid()}

def run(loaded, job):
    if job["do"] == "crash":
        os.abort()
    if job["do"] == "raise":
        raise RuntimeError("a fault")
    if job["do"] == "hang":
        time.sleep(60)
    if job["do"] == "kill":
        os.kill(loaded["pid"], 9)
    if job["do"] == "refuse":
        return {"refused": "no", "status": "diverged"}
    loaded["model"] += " changed"
    return {"model": loaded["model"], "loader": loaded["pid"], "own": os.getpid()}

serve(load, run, Unusable)
"""


@pytest.fixture
def forks(tmp_path, monkeypatch):
    (tmp_path / "a_worker.py").write_text(WORKER)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    )
    return Forks("a_worker", {"model": "m"})


def test_jobs_share_what_was_loaded_and_none_changes_it_for_the_next(forks):
    one, other = forks.run({"do": "work"}, 30), forks.run({"do": "work"}, 30)

    assert one["model"] == other["model"] == "m changed"
    assert one["loader"] == other["loader"]
    assert one["own"] != other["own"]


@pytest.mark.parametrize(
    ("do", "status", "reason"),
    [
        ("crash", Status.CRASHED, "SIGABRT"),
        ("raise", Status.CRASHED, "RuntimeError: a fault"),
        ("refuse", Status.DIVERGED, "no"),
    ],
)
def test_a_job_that_fails_is_a_status_and_the_next_goes_on(forks, do, status, reason):
    with pytest.raises(EvaluationFailed, match=reason) as failure:
        forks.run({"do": do}, 30)

    assert failure.value.status == status
    assert forks.run({"do": "work"}, 30)["model"] == "m changed"


def test_a_job_that_hangs_is_ended_and_the_next_goes_on(forks):
    with pytest.raises(EvaluationFailed, match=r"no result within 0\.5 s"):
        forks.run({"do": "hang"}, 0.5)

    assert forks.run({"do": "work"}, 30)["model"] == "m changed"


def test_where_the_forking_process_is_killed_another_takes_its_place(forks):
    first = forks.run({"do": "work"}, 30)["loader"]

    with pytest.raises(EvaluationFailed, match="the process that forks for each trial ended"):
        forks.run({"do": "kill"}, 30)

    assert forks.run({"do": "work"}, 30)["loader"] != first


def test_what_cannot_be_loaded_is_named_each_time(forks):
    forks.shared = {"model": "none"}

    for _ in range(2):
        with pytest.raises(HaqaError, match="none: no such model"):
            forks.run({"do": "work"}, 30)
