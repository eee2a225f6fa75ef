"""A project of one's own begins with a suite that runs."""

import json

import pytest
from support import REPOSITORY

from haqa_bench import shipped
from haqa_bench.backends import llama_devices, machine
from haqa_bench.hardware import load, profiles


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder is the current one; the repository is what the package brings."""
    monkeypatch.setenv(shipped.VARIABLE, str(REPOSITORY))
    monkeypatch.delenv("HAQA_BENCH_RUNS")
    monkeypatch.setattr(machine, "detect", lambda: load(REPOSITORY / "hardware", "oneplus-11"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_project_s_first_suite_is_valid_and_runs(cli, place, monkeypatch):
    done = cli("init", "mine")
    monkeypatch.chdir(place / "mine")
    valid, ran = cli("suite", "validate", "first", "--json"), cli("run", "first", "--seeds", "1")

    assert done.stdout.splitlines()[-1] == "Next: cd mine && haqa-bench run first"
    assert json.loads(valid.stdout)["warnings"] == []
    assert ran.returncode == 0, ran.stderr
    assert "tpe" in ran.stdout
    assert (place / "mine/results/runs/first").is_dir()
    assert not (place / "results").exists()


def test_everything_that_is_written_is_told_and_said_as_json(cli, place):
    told = json.loads(cli("init", "mine", "--json").stdout)["written"]

    there = [path for path in (place / "mine").rglob("*") if path.is_file()]
    assert sorted(map(str, there)) == sorted(str(place / path) for path in told)
    assert {path.name for path in there} >= {".gitignore", "README.md", "oneplus-11.yaml"}
    assert len((place / "mine/README.md").read_text().splitlines()) <= 11


def test_a_project_in_git_stays_one_when_it_is_cloned(cli, place):
    """Git keeps no empty folder."""
    cli("init", "mine")

    assert shipped.is_project(place / "mine")
    assert all(any((place / "mine" / name).iterdir()) for name in ("prompts", "hardware"))


def test_without_a_profile_the_folders_are_there_all_the_same(cli, place):
    cli("init", "mine", "--no-detect")

    assert shipped.is_project(place / "mine")
    assert [p.name for p in profiles(place / "mine/hardware")] == [
        p.name for p in profiles(REPOSITORY / "hardware")
    ]


@pytest.mark.parametrize("name", ["README.md", "suites/first.yaml", "suites/texts/quality.txt"])
def test_what_is_there_is_never_overwritten(cli, place, name):
    (place / "mine" / name).parent.mkdir(parents=True)
    (place / "mine" / name).write_text("mine")

    done = cli("init", "mine")

    assert done.returncode == 2
    assert f"mine/{name}: is there already, and is not overwritten" in done.stderr
    assert [path.name for path in (place / "mine").rglob("*") if path.is_file()] == [
        name.rpartition("/")[2]
    ]
    assert (place / "mine" / name).read_text() == "mine"


def test_init_twice_is_refused_and_changes_nothing(cli, place):
    cli("init", "mine")
    before = {p: p.stat().st_mtime_ns for p in (place / "mine").rglob("*")}

    assert cli("init", "mine").returncode == 2
    assert {p: p.stat().st_mtime_ns for p in (place / "mine").rglob("*")} == before


def test_hardware_detect_makes_the_folder_and_says_what_it_wrote(cli, place, monkeypatch):
    monkeypatch.setattr("psutil.cpu_percent", lambda seconds: 0.0)
    monkeypatch.setattr(llama_devices, "listed", lambda: ((), ""))

    done = cli("hardware", "detect", "--output", "new/hardware/here.yaml")

    assert done.stdout == "Written to new/hardware/here.yaml\n"
    assert done.stderr == ""
    assert (
        load(place / "new/hardware", "here").title == "OnePlus 11 (Snapdragon 8 Gen 2, Adreno 740)"
    )


def test_a_busy_machine_is_told(cli, monkeypatch):
    monkeypatch.setattr("psutil.cpu_percent", lambda seconds: 70.0)
    monkeypatch.setattr(llama_devices, "listed", lambda: ((), ""))

    assert cli("hardware", "detect").stderr == (
        "Other processes take 70 % of this machine: what is measured is too low.\n"
    )
