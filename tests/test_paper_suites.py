"""Suites that ask for the paper's layout: what `run` and `report` print of them."""

import json
import shutil

import pytest
from command import InProcess
from ranged import SUITE, Trains, ranged_project
from support import REPOSITORY

from haqa_bench.documents import read_yaml
from haqa_bench.report.tables.table import NOTHING
from haqa_bench.suite import file_type, load
from haqa_bench.tracks.qat.track import QatTrack

STATED = "{learning_rate: 0.2}"
"""A rate with which the stand-in diverges."""
ASKED = (
    SUITE.replace("\nmodels:", "\nlayout: paper\nmodels:")
    .replace("{learning_rate: 0.1}", STATED)
    .replace("seeds: [0, 1]", "seeds: [0]")
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A project, and what `run` printed of its suite."""
    home = ranged_project(tmp_path_factory.mktemp("asked"), ASKED)
    (home / "suites/paper").mkdir()
    shutil.copy(REPOSITORY / "suites/paper/resnet-full.yaml", home / "suites/paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QatTrack, "evaluator_in", lambda self, cell, project: Trains(cell))
        patch.setenv("HAQA_BENCH_SHIPPED", "")
        patch.setenv("HAQA_BENCH_PROGRESS", "off")
        patch.setenv("COLUMNS", "100")
        words = ("--measure", "live", "--methods", "default,full-precision,random,tpe")
        where = ("--project", home, "--runs", home / "runs")
        done = InProcess()("run", home / "suites/ranged.yaml", *words, *where)
    assert done.returncode == 0, done.stderr
    return home, done.stdout


@pytest.fixture
def folder(ran):
    return next((ran[0] / "runs/ranged").iterdir())


def line(text: str, *starts: str) -> list[str]:
    """The words of the first line below those that begin so, in turn."""
    lines = iter(text.splitlines())
    found = ""
    for start in starts:
        found = next(one for one in lines if one.startswith(start))
    return found.split()


def test_run_prints_the_papers_table_with_ours_below_each_row(ran):
    told = ran[1]

    assert told.startswith("Table 1: Accuracy of ResNets")
    assert max(map(len, told.splitlines()[:30])) <= 100
    ours = line(told, "ResNet20", "w4a4", "(a)")
    assert ours[1] == "diverged"  # what the suite states, though the default is better
    assert ours[2] == "none"  # nobody tuned by hand
    assert "±" in ours[3]
    assert line(told, "ResNet20", "w8a8", "ours")[1:] == [NOTHING] * 7
    assert "Of ours, Default is full-precision, Bayesian opt. is tpe, Random search is" in told
    assert "In (a2), Default is default." in told
    assert "suites/paper/resnet-full.yaml has, for nvidia-" in told
    assert "n = 2" in told


def test_report_prints_what_the_suite_asks_for_unless_told(ran, folder, cli):
    def shown(*words):
        return cli("report", folder, "--project", ran[0], *words).stdout

    assert shown().startswith("Table 1: Accuracy of ResNets")
    assert shown("--layout", "paper") == shown()
    assert shown("--layout", "ours").startswith("Best hyperparameters found")
    assert shown("--table", "spent").startswith("What was spent")
    told = "full-precision: the one configuration that the suite states."
    assert told in " ".join(shown("--layout", "ours").split())


def test_both_tables_are_written(folder):
    names = {path.name for path in (folder / "tables").iterdir()}

    assert {"table1.md", "table1-paper.md"} <= names


def test_what_a_suite_states_is_tested_however_good_it_is(ran, tmp_path, monkeypatch, cli):
    monkeypatch.setattr(QatTrack, "evaluator_in", lambda self, cell, project: Trains(cell))
    home = ranged_project(tmp_path / "worse", ASKED.replace(STATED, "{learning_rate: 0.001}"))
    words = ("--measure", "live", "--methods", "default,full-precision", "--json")

    done = cli("run", home / "suites/ranged.yaml", *words, "--project", home)

    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["tables"]["table1"]["rows"]
    texts = [[value["text"] for value in row["values"].values()] for row in rows]
    ours = next(row for row in texts if "(a)" in row)
    second = next(row for row in texts if "(a2)" in row)
    assert float(ours[2].split("±")[0]) < float(second[2].split("±")[0])


@pytest.mark.parametrize(
    "name", ["resnet", "resnet-full", "qlora", "qlora-tasks", "qlora-full", "deploy"]
)
def test_the_suites_of_the_paper_ask_for_its_layout(name):
    path = REPOSITORY / f"suites/paper/{name}.yaml"
    file = read_yaml(path, file_type())

    assert file.layout == "paper"
    assert load(path, REPOSITORY).layout == "paper"
