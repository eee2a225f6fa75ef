"""The track of docs/add-a-track.md, built and installed as a plug-in, from suite to explanation."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from support import REPOSITORY

SKELETON = REPOSITORY / "examples" / "track_zip"
METHODS = ("--methods", "default,random,rules")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The example's package, installed into a folder of its own."""
    source, target = tmp_path_factory.mktemp("source") / "zip", tmp_path_factory.mktemp("site")
    shutil.copytree(SKELETON, source)
    options = ["-q", "--no-deps", "--no-build-isolation", "--no-index", "--target", target]
    pip = [sys.executable, "-m", "pip", "install", *options, source]
    subprocess.run(pip, check=True, capture_output=True)
    return {"PYTHONPATH": os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def called(project, cli_process, installed):
    """A command on the example's suite, which must succeed."""
    shutil.copy(SKELETON / "zip.yaml", project / "suites" / "zip.yaml")

    def call(command, *options):
        where = ("--project", project)
        done = cli_process(*command, project / "suites/zip.yaml", *options, *where, **installed)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def test_a_track_is_one_folder_of_at_most_150_lines():
    files = (SKELETON / "zip_track").glob("*.py")

    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 150


@pytest.mark.long
def test_a_new_track_validates_tabulates_replays_prints_and_is_explained(
    called, project, cli_process, installed
):
    assert "valid" in called(("suite", "validate"))
    called(("tabulate",), "--passes", "1")
    run = json.loads(called(("run",), *METHODS, "--json"))
    words = ("explain", run["folder"], "zip:text-int8-epyc-zen4-2core-zip/random/ms")
    explained = cli_process(*words, "--project", project, **installed)

    assert "Quickest settings of zlib found" in called(("run",), *METHODS)
    assert explained.returncode == 0, explained.stderr
    assert "done again: it agrees" in explained.stdout
    assert "the lower quartile of " in explained.stdout


@pytest.mark.long
def test_a_new_track_runs_live_and_its_winners_meet_the_default_in_pairs(called):
    found = called(("run",), "--methods", "default,rules", "--measure", "live")

    assert "measured" in found
    assert "median over n studies" in found


def test_without_its_package_the_track_is_not_known(project, cli):
    shutil.copy(SKELETON / "zip.yaml", project / "suites" / "zip.yaml")

    done = cli("suite", "validate", project / "suites/zip.yaml")

    assert done.returncode == 2
    assert "zip.yaml" in done.stderr
    assert "'zip'" in done.stderr
