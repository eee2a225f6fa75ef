"""Small trials of what is promised (docs/reliability.md); the long ones are `make reliability`."""

import json
import subprocess
import sys

import pytest
from support import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks/reliability"))
from state import at_the_end, in_between


@pytest.fixture
def trial(tmp_path):
    """A trial's figures, of so many rounds; what it printed is told where a promise was broken."""

    def figures(name: str, rounds: int, only: str = "*") -> dict[str, int]:
        script = [sys.executable, str(REPOSITORY / "benchmarks/reliability"), name, str(rounds)]
        done = subprocess.run(
            [*script, "--folder", str(tmp_path), "--only", only],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout.splitlines()[-1])

    return figures


def test_what_is_killed_goes_on_to_the_same_end(trial):
    found = trial("kills", 8, "run memory,record then another selection")

    assert found["rounds"] == 8
    assert found["lost"] == found["differ"] == found["processes left"] == 0


@pytest.mark.long
def test_whichever_write_fails_what_is_there_is_old_or_new(trial):
    found = trial("faults", 1000, "db rebuild")

    assert found["told in a line"] > 20
    assert found["lost"] == found["differ"] == found["traceback"] == 0


@pytest.mark.long
def test_no_flipped_bit_changes_a_number_unnoticed(trial):
    found = trial("flips", 40)

    assert found["same"] + found["refused"] == found["rounds"] == 40


JOURNAL = "results/runs/s/cassette-recorded-0123456789ab/journal/c/m.jsonl"


@pytest.mark.parametrize(
    ("found", "lost", "differ"),
    [
        ({"a.csv": ("old",), JOURNAL: ("1", "cut: 2")}, (), ()),
        ({"a.csv": ("new",)}, (), ()),
        ({}, ("a.csv",), ()),
        ({"a.csv": ("ne",)}, (), ("a.csv",)),
        ({"a.csv": ("new",), JOURNAL: ("2",)}, (), (JOURNAL,)),
    ],
)
def test_a_trial_sees_what_is_neither_old_nor_new(found, lost, differ):
    old, new = {"a.csv": ("old",)}, {"a.csv": ("new",), JOURNAL: ("1", "2")}

    assert in_between(found, old, new) == (lost, differ)


def test_a_trial_sees_what_was_cut_in_the_end():
    wanted = {"a.jsonl": ("1", "2"), "b.csv": ("x",)}

    assert at_the_end({"a.jsonl": ("1",), "b.csv": ("y",)}, wanted) == (("a.jsonl",), ("b.csv",))
