"""A table of a hundred thousand configurations takes a second and 150 MB; and every method works on
large ones.
"""

import resource
import subprocess
import sys

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.project import Project
from haqa_bench.run import proposing
from haqa_bench.run.study import run_study
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.study import Method, Study
from haqa_bench.tracks.replayed import TableEvaluator

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import large_tables

SIZE = 20_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    large_tables.make(folder, SIZE)
    return folder


@pytest.fixture(scope="module")
def loaded(large):
    """The cell, and its evaluator."""
    (cell,) = suite.load(large / "suites/large.yaml", large).cells
    return cell, TableEvaluator(tables.read(Project(large).table(cell)), cell)


def test_a_hundred_thousand_load_in_about_a_second_and_150_mb(tmp_path):
    large_tables.make(tmp_path, 100_000)

    seconds, megabytes, _ = large_tables.taken(large_tables.OURS, tmp_path)

    assert megabytes < 150  # what it adds to the peak
    assert seconds < 2.5  # 0.7 of the processor's, where nobody else works


def test_the_optimum_and_ranks_are_those_of_every_entry(loaded):
    cell, evaluator = loaded
    space, entries = cell.space, evaluator.table.entries

    assert space.size == len(entries) == SIZE
    reference = entries[key_of(space.default)].measurements[1].value
    kept = [
        e.measurements[0].value
        for e in entries.values()
        if e.measurements and e.measurements[1].value <= 3.0 * reference
    ]
    assert evaluator.whole.optimum == max(kept)
    assert (evaluator.ranks > 0).sum() == len(kept)


@pytest.mark.parametrize("name", ["random", "local", "rules", "tpe", "nsga2", "gp"])
def test_every_method_works_on_it_and_takes_little(loaded, large, name):
    cell, evaluator = loaded
    study = Study("large", cell, Method(name=name, optimizer=name), 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000

    made = proposing.made(study, None, large / "prompts").optimizer
    trials = list(run_study(study, made, evaluator, []))

    assert len(trials) == 30
    assert all(cell.space.holds(t.configuration) for t in trials)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000 - before < 100


def test_workers_replay_it_as_one_process_does(large, tmp_path):
    table = []
    for workers in ("1", "2"):
        options = ["--workers", workers, "--runs", tmp_path / workers, "--project", large]
        command = [sys.executable, "-m", "haqa_bench", "run", large / "suites/large.yaml"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        table.append(done.stdout.partition("Agent:")[0])

    assert table[0] == table[1]
