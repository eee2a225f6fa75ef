"""Fixtures of all tests: a small project of their own, a machine and a place for runs of their own,
the command, and the committed suites, replayed once.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from command import InProcess, Process
from packed import good_pack, kernels_project
from support import REPOSITORY, record, small_project
from trainer import CELL, Trainer, Unheld, planned
from whole_suites import WholeSuites

from haqa_bench.run import runner


@pytest.fixture(autouse=True)
def as_wide_as_a_terminal_may_be(monkeypatch):
    """Whatever the terminal that runs the tests."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(autouse=True, scope="session")
def written_as_for_users():
    """Python keeps back what it writes, unless this is set: it hid faults of ours."""
    os.environ.pop("PYTHONUNBUFFERED", None)


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    """However slow the machine: tests count lines on stderr."""
    monkeypatch.setenv("HAQA_BENCH_PROGRESS", "off")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return small_project(tmp_path)


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Path:
    """A small project, recorded and run once, and a file for every door."""
    folder = tmp_path_factory.mktemp("house")
    small_project(folder)
    record(folder, "--runs", str(folder / "live"))
    done = InProcess()(
        "run", folder / "suites/small.yaml", "--runs", folder / "runs", "--project", folder
    )
    assert done.returncode == 0
    shutil.copy(folder / "paper_tables/table2.yaml", folder / "mine.yaml")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "model.gguf").write_bytes(b"GGUF")
    return folder


@pytest.fixture(scope="session")
def tried_once(tmp_path_factory) -> Path:
    """A project with a suite of ranges, which all its methods were measured on."""
    folder = small_project(tmp_path_factory.mktemp("ranges"))
    plan = planned(folder, measure="live")
    list(runner.run(plan, plan.folder, Unheld({CELL: Trainer()})))
    return folder


@pytest.fixture
def tried(tried_once, tmp_path) -> Path:
    """What was recorded there, in a project that has had no run."""
    folder = tmp_path / "tried"
    shutil.copytree(tried_once, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


@pytest.fixture(autouse=True)
def nothing_shipped(monkeypatch):
    """A test's project has what lies in it, and nothing of this repository."""
    monkeypatch.setenv("HAQA_BENCH_SHIPPED", "")


@pytest.fixture(scope="session", autouse=True)
def own_machine_of_many(tmp_path_factory):
    """What several tests share is measured apart from this machine's runs too."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("machine"))
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TMPDIR", folder)
        yield


@pytest.fixture(autouse=True)
def own_machine(tmp_path_factory, monkeypatch):
    """Tests do not wait for, or disturb, a run that really measures this machine: its lock lies in
    the folder for temporary files.
    """
    folder = str(tmp_path_factory.mktemp("machine"))
    monkeypatch.setattr(tempfile, "tempdir", folder)
    monkeypatch.setenv("TMPDIR", folder)


@pytest.fixture(autouse=True)
def own_finders(monkeypatch):
    """Where a test lets Python find modules, beside a method's file, is nowhere in the next."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])


@pytest.fixture(autouse=True)
def own_core(monkeypatch):
    """Beside other workers, OpenCL takes one core: its threads spin while they wait."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        monkeypatch.setenv("POCL_CPU_MAX_CU_COUNT", "1")


@pytest.fixture(autouse=True)
def own_runs(tmp_path, monkeypatch) -> Path:
    """Runs go where the small project would have them, even those of the repository's suites: a
    developer's own stay as they are.
    """
    folder = tmp_path / "results" / "runs"
    monkeypatch.setenv("HAQA_BENCH_RUNS", str(folder))
    return folder


@pytest.fixture(scope="module")
def developers_runs_stay():
    """Fails where a test of the module has changed a file of the repository's own runs."""
    before = _times(REPOSITORY / "results" / "runs")
    yield
    assert _times(REPOSITORY / "results" / "runs") == before


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def cli() -> InProcess:
    """The command, in this process: its words, its exit code. What is no fault of the user's is
    raised here.
    """
    return InProcess()


@pytest.fixture
def cli_process() -> Process:
    """The command in a process of its own: where time, imports, signals or the environment
    count.
    """
    return Process()


@pytest.fixture(scope="session")
def whole_suites(tmp_path_factory) -> WholeSuites:
    """The committed suites, each replayed once a session, when a test first asks for it.

    Only read what it holds; copy a run's folder to change it.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return WholeSuites(shared / "whole_suites")


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """The project of whoever measured."""
    return kernels_project(tmp_path_factory.mktemp("measured"), results=True)


@pytest.fixture(scope="session")
def receiving(tmp_path_factory):
    """The project that results are given to."""
    return kernels_project(tmp_path_factory.mktemp("receiving"), results=False)


@pytest.fixture(scope="session")
def good(measured, tmp_path_factory):
    return good_pack(measured, tmp_path_factory.mktemp("good") / "pack")


@pytest.fixture
def pack(good, tmp_path):
    return Path(shutil.copytree(good, tmp_path / "pack"))
