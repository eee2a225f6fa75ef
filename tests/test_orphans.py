"""Whatever ends a command, none of the processes that it started outlives it."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import sleepers
from command import listening
from endpoint import Answer, Endpoint
from support import TRAINING_SUITE
from test_trained_table import ACCURACIES, row

from haqa_bench import suite
from haqa_bench.project import Project
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.store import tables

MARK = "HAQA_BENCH_TEST_MARK"
PATIENCE_S = 120
ENDS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGKILL: -9}
"""Exit codes by what ends a command."""


def marked(mark: str) -> list[psutil.Process]:
    """All processes that have inherited a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@contextmanager
def begun(*command: str, **environment: str):
    """A command of its own session, with the mark that all its children inherit."""
    mark = uuid.uuid4().hex
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, MARK: mark, "PYTHONPATH": path, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listening,
    )
    try:
        yield process, mark
    finally:
        for left in marked(mark):
            left.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]", mark: str, by: signal.Signals) -> tuple[int, str]:
    """The exit code of a command that is told to end, and what it said; none of its processes is
    left.
    """
    process.send_signal(by)
    _, said = process.communicate(timeout=PATIENCE_S)
    _, left = psutil.wait_procs(marked(mark), timeout=PATIENCE_S)
    assert not left
    return process.returncode, said


@pytest.fixture
def silent():
    """An endpoint that answers nothing, and a semaphore that each request releases."""
    asked = threading.Semaphore(0)

    def hear(headers, closing: threading.Event) -> Answer:
        asked.release()
        closing.wait(60)
        return Answer(b"{}")

    with Endpoint([hear]) as endpoint:
        yield endpoint.base_url, asked


@pytest.mark.parametrize("by", ENDS)
def test_workers_end_with_their_run(project, silent, by):
    base_url, asked = silent
    small = str(project / "suites/small.yaml")
    live = ("--methods", "haqa", "--agent", "live", "--base-url", base_url)
    with begun("haqa_bench", "run", small, *live, "--workers", "2") as (process, mark):
        for _ in range(2):
            assert asked.acquire(timeout=PATIENCE_S)
        assert len(marked(mark)) == 5  # itself, two workers, a queue and a tracker of resources

        code, said = ended(process, mark, by)

    assert code == ENDS[by]
    assert "Traceback" not in said


@pytest.fixture
def trained(project) -> Path:
    """A run of the training suite, replayed from a made-up table."""
    path = project / "suites/train.yaml"
    path.write_text(TRAINING_SUITE.replace("BITS", "w2a2"))
    loaded = suite.load(path, project)
    (cell,) = loaded.cells
    rows = [row(c, ACCURACIES[c["learning_rate"]]) for c in cell.space.grid()]
    card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
    tables.write(Project(project).table(cell), card, rows)
    plan = Plan(loaded, project, loaded.studies())
    list(runner.run(plan, plan.folder, Serial()))
    return plan.folder


def measuring(project: Path, run: Path) -> tuple[str, ...]:
    return ("run", str(project / "suites/train.yaml"), "--measure", "live")


def confirming(project: Path, run: Path) -> tuple[str, ...]:
    return ("confirm", str(run), "--workers", "2")


@pytest.mark.parametrize(
    ("words", "trainings"), [(measuring, 1), (confirming, 2)], ids=["run", "confirm"]
)
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_a_measurement_ends_with_its_command(
    project, trained, tmp_path, by, words: Callable[[Path, Path], tuple[str, ...]], trainings
):
    started = tmp_path / "started"
    started.mkdir()
    with begun("sleepers", *words(project, trained), **{sleepers.STARTED: str(started)}) as (
        process,
        mark,
    ):
        while len(list(started.iterdir())) < trainings:
            assert process.poll() is None, process.communicate()
            threading.Event().wait(0.05)

        code, said = ended(process, mark, by)

    assert code == ENDS[by]
    assert "Traceback" not in said
