"""The locked and the lowest versions are in step with pyproject.toml, and name no place."""

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import REPOSITORY

from haqa_bench import registry
from haqa_bench.run import proposals

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
RECORDS = sorted((REPOSITORY / "results/proposals").glob("*.jsonl"))
LOCK = (REPOSITORY / "requirements.lock").read_text()
LOWEST = (REPOSITORY / "constraints-lowest.txt").read_text()


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s\\]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("needed", NEEDED, ids=lambda r: r.name)
@pytest.mark.parametrize("text", [LOCK, LOWEST], ids=["locked", "lowest"])
def test_what_is_needed_is_pinned_within_its_bounds(text, needed):
    """If not: make lock."""
    assert pins(text)[canonicalize_name(needed.name)] in needed.specifier


def test_every_locked_version_has_its_hashes():
    for requirement in LOCK.splitlines()[2:]:
        assert re.match(r"[\w.-]+==\S+ \\$|    --hash=sha256:[0-9a-f]{64}|    #", requirement)
    assert LOCK.count("==") == len(re.findall(r"==\S+ \\\n    --hash=sha256:", LOCK))


@pytest.mark.parametrize("text", [LOCK, LOWEST], ids=["locked", "lowest"])
def test_no_address_and_no_path_is_named(text):
    for line in text.splitlines()[2:]:
        assert not re.search(r"://|/|@|^-|index", line.partition("(pyproject")[0])


def test_the_lowest_versions_are_those_that_the_project_allows():
    """If not: make lock."""
    made = subprocess.run(
        [sys.executable, REPOSITORY / ".ci" / "lowest_versions.py"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert made.stdout == LOWEST


def test_the_locked_versions_are_those_that_results_were_computed_with():
    """If not: make lock, and record with what it locks."""
    locked = pins(LOCK)
    recorded = [one for path in RECORDS for one in proposals.read(path)]
    versions = {pair for one in recorded for pair in one.versions.items()}

    libraries = [name for names in registry.COMPUTED.values() for name in names]
    assert {name for name, _ in versions} - {"haqa-bench", "python", "openblas"} <= {*libraries}
    for name, version in versions:
        assert name not in libraries or locked[canonicalize_name(name)] == version


def test_ci_tries_both():
    assert "make versions" in (REPOSITORY / ".ci" / "run").read_text().splitlines()
    tried = (REPOSITORY / ".ci" / "versions").read_text()
    assert "versions locked -r requirements.lock\n" in tried
    assert "versions lowest -c constraints-lowest.txt .\n" in tried
