"""Runs and suites by their names, and a run that is opened once."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from haqa_bench.errors import HaqaError
from haqa_bench.project import find_run, find_suite, open_run
from haqa_bench.report.found import best as found_best


@pytest.fixture
def folder(project, cli, monkeypatch):
    """A run of the small suite, called from its project's folder."""
    monkeypatch.chdir(project)
    done = cli("run", "small", "--methods", "default,random", "--json")
    return json.loads(done.stdout)["folder"]


def test_a_suite_is_called_by_its_name_and_an_unknown_one_names_the_nearest(folder, cli):
    done = cli("run", "smal")

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "haqa-bench: smal: no such file, nor a suite of the project. Did you mean 'small'?"
    ]


@pytest.fixture
def below(project, monkeypatch):
    """The small suite as paper/short, which says the name small."""
    path = project / "suites/paper/short.yaml"
    (project / "suites").rename(project / "paper")
    (project / "suites").mkdir()
    (project / "paper").rename(path.parent)
    (path.parent / "small.yaml").rename(path)
    monkeypatch.chdir(project)
    return path


def test_a_suite_is_found_by_the_name_that_it_says(below, cli):
    done = cli("run", "small", "--methods", "default")

    assert done.returncode == 0, done.stderr
    assert find_suite(Path("small")) == below


@pytest.mark.parametrize("line", ["name: 'small'", 'name:  "small" # a name', "name: small\r"])
def test_a_suite_s_name_may_be_written_as_yaml_lets_it(below, line):
    below.write_text(below.read_text().replace("name: small", line))

    assert find_suite(Path("small")) == below


def test_a_name_that_several_suites_say_is_told(below):
    (below.parent / "again.yaml").write_text(below.read_text())

    with pytest.raises(
        HaqaError, match=r"2 suites say this name\. Known: paper/again, paper/short"
    ):
        find_suite(Path("small"))


def test_a_suite_s_path_comes_before_a_name_that_another_says(below):
    other = below.parents[1] / "small.yaml"
    other.write_text(below.read_text().replace("name: small", "name: other"))

    assert find_suite(Path("small")) == other


def test_a_command_that_is_named_calls_the_suite_by_its_path(below, cli):
    lacking = cli("run", "small", "--methods", "haqa").stderr

    assert "Record it with: haqa-bench run paper/short --agent live" in lacking


@pytest.mark.parametrize("word", ["small", "cassette-rec", "small/cassette-rec"])
def test_a_run_is_called_by_its_suite_or_by_how_its_folder_begins(folder, word):
    assert str(find_run(word).resolve()) == folder


def test_several_runs_that_begin_alike_are_told(folder, cli):
    cli("run", "small", "--methods", "default")

    with pytest.raises(HaqaError, match=r"2 runs begin so\. Known: small/cassette-recorded-"):
        find_run("cassette")


def test_an_unknown_run_names_the_nearest(folder):
    with pytest.raises(HaqaError, match=r"no run of that name.*Did you mean 'small'"):
        find_run("smalls")


def test_runs_are_listed_with_when_how_and_whether_they_are_complete(folder, cli):
    (one,) = json.loads(cli("runs", "--json").stdout)

    assert one["suite"] == "small"
    assert one["complete"] is True
    assert (one["agent"], one["measure"]) == ("cassette", "recorded")
    assert one["folder"] == folder


def test_a_refused_run_leaves_no_folder(folder, cli, project):
    before = sorted((project / "results" / "runs").rglob("*"))

    assert cli("run", "small", "--methods", "haqa").returncode == 2  # no cassette
    assert sorted((project / "results" / "runs").rglob("*")) == before


def test_a_live_run_that_is_refused_before_it_measures_leaves_no_folder(folder, cli, project):
    before = sorted((project / "results" / "runs").rglob("*"))

    done = cli("run", "small", "--methods", "default", "--measure", "live")

    assert done.returncode == 2  # no such model
    assert sorted((project / "results" / "runs").rglob("*")) == before


def test_runs_may_lie_elsewhere(folder, cli, tmp_path):
    done = cli("run", "small", "--methods", "default", "--runs", tmp_path / "mine", "--json")

    assert json.loads(done.stdout)["folder"].startswith(str(tmp_path / "mine"))


def test_a_query_whose_columns_are_not_its_rows_fields_fails_loudly(folder):
    class Best(NamedTuple):
        cell: str
        method: str

    Best.__module__ = found_best.__name__
    with open_run(find_run("small")) as run, pytest.raises(TypeError, match="Best has cell"):
        run.rows("best", Best)
