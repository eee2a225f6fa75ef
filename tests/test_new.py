"""What `haqa-bench new` writes works as it stands: its own tests, our contract, linters, types."""

import json
import os
import subprocess
import sys

import pytest
from command import InProcess
from support import REPOSITORY

KINDS = {"method": "coin-toss", "agent": "asker", "track": "packer"}
PIP = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One of each kind, in a folder."""
    folder = tmp_path_factory.mktemp("written")
    for kind, name in KINDS.items():
        done = InProcess()("new", kind, name, "--folder", folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(written, tmp_path_factory):
    """The environment in which they are installed."""
    site = tmp_path_factory.mktemp("site")
    packages = [written / name for name in KINDS.values()]
    _ran(written, {}, *PIP, "--target", site, *packages)
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def _ran(folder, environment, *words):
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass_where_it_is_installed(written, installed):
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *KINDS.values())

    assert "33 passed" in _ran(written, installed, *words)


def test_ruff_has_nothing_to_say(written):
    _ran(written, {}, "-m", "ruff", "check", "--no-cache", ".")
    _ran(written, {}, "-m", "ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.parametrize("kind", KINDS)
def test_plugin_check_finds_nothing_broken(written, installed, cli_process, kind):
    suite = ("--suite", written / "packer/packer.yaml") if kind == "track" else ()

    done = cli_process("plugin", "check", KINDS[kind], *suite, "--project", REPOSITORY, **installed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KINDS[kind]} keeps all of " in done.stdout


@pytest.mark.parametrize("file", ["coin-toss/coin_toss.py:CoinToss", "asker/asker.py:Asker"])
def test_a_file_is_checked_where_it_is_not_installed(written, cli, file):
    done = cli("plugin", "check", written / file)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_method_is_small(written):
    lines = (written / "coin-toss/coin_toss.py").read_text().splitlines()

    code = [line for line in lines if line.strip() and not line.strip().startswith('"""')]
    assert len(code) <= 25


def test_a_suite_runs_at_once_on_a_table_that_comes_with_us(tmp_path, cli):
    made = cli("new", "suite", "mine", "--folder", tmp_path, "--json")

    done = cli("run", tmp_path / "mine.yaml", "--project", REPOSITORY, "--json")

    assert json.loads(made.stdout)["written"] == [str(tmp_path / "mine.yaml")]
    assert done.returncode == 0, done.stderr
    assert "local" in done.stdout


@pytest.mark.parametrize("kind", [*KINDS, "suite"])
def test_nothing_is_overwritten(tmp_path, cli, kind):
    first = cli("new", kind, "mine", "--folder", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    again = cli("new", kind, "mine", "--folder", tmp_path)

    assert (first.returncode, again.returncode) == (0, 2)
    assert "is there already; nothing was written" in again.stderr
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


REFUSED = {
    "2fast": "is no name for a package",
    "class": "is no name for a package",
    "a.b": "is no name for a package",
    "../up": "is no name for a package",
    "a--b": "is no name for a package",
    "größe": "is no name for a package",
    "random": "haqa-bench has a method or track of that name",
    "deploy": "haqa-bench has a method or track of that name",
    "json": "there is a module json already",
    "Json": "there is a module json already",
    "numpy": "there is a module numpy already",
    "haqa-bench": "there is a module haqa_bench already",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_python_or_another_has_is_refused(tmp_path, cli, name):
    done = cli("new", "method", name, "--folder", tmp_path)

    assert done.returncode == 2
    assert REFUSED[name] in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_none_in_python_is_mapped_and_said(tmp_path, cli):
    done = cli("new", "agent", "my-agent", "--folder", tmp_path)

    assert "In Python, 'my-agent' is called my_agent." in done.stdout
    assert (tmp_path / "my-agent/my_agent.py").read_text().count("class MyAgent") == 1
    assert "MyAgent" in done.stdout


def test_the_types_of_what_is_written_are_right(written):
    """As strictly as ours are read, so that what `make types` has read need not be read again."""
    folders = [written / name for name in KINDS.values()]
    modules = ("coin_toss", "test_coin_toss", "asker", "test_asker", "packer", "test_packer")
    words = [word for module in modules for word in ("-m", module)]
    paths = os.pathsep.join([*map(str, folders), str(REPOSITORY)])

    _ran(REPOSITORY, {"MYPYPATH": paths}, "-m", "mypy", *words, "-m", "packer.evaluator")


def test_a_suite_takes_no_other_s_name(project, cli):
    done = cli("new", "suite", "small", "--folder", project)

    assert done.returncode == 2
    assert "there is a suite of that name" in done.stderr
    assert not (project / "small.yaml").exists()
