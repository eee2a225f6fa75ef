"""What workers have in common is held in memory once, and leaves nothing behind."""

import multiprocessing
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from support import plan

from haqa_bench.errors import HaqaError
from haqa_bench.run.executors.shared import Shared
from haqa_bench.run.study import evaluator_of

NUMBERS = 10_000_000
"""Eighty megabytes."""


def own_mb():
    """The memory of this process that no other shares."""
    status = Path("/proc/self/status").read_text("utf-8").splitlines()
    found = next(line for line in status if line.startswith("RssAnon"))
    return int(found.split()[1]) / 1000


def add_up(opened, answers):
    before = own_mb()
    total = float(opened.value["numbers"].sum())
    answers.put((total, own_mb() - before, opened.value["numbers"].flags.writeable))


def first_outcome(opened, answers):
    evaluator, configuration = opened.value
    answers.put((evaluator.whole, evaluator.measure(configuration)))


def answered(target, *values):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=target, args=(*values, answers))
    process.start()
    found = answers.get(timeout=120)
    process.join()
    return found


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux says what is shared")
def test_a_second_worker_adds_little():
    shared = Shared({"numbers": np.ones(NUMBERS)})

    for _ in range(2):
        total, own, writeable = answered(add_up, shared)
        assert total == NUMBERS
        assert own < 8  # a tenth of it
        assert not writeable


def test_what_is_shared_has_no_name_that_a_killed_run_could_leave(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    Shared({"numbers": np.ones(1000)})

    assert list(tmp_path.iterdir()) == []


def test_a_table_answers_in_another_process_as_it_does_here(project):
    made = plan(project)
    (cell,) = made.suite.cells
    evaluator = evaluator_of(made, cell)

    whole, outcome = answered(first_outcome, Shared((evaluator, cell.space.default)))

    assert whole == evaluator.whole
    assert outcome == evaluator.measure(cell.space.default)


def test_a_place_that_is_gone_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(HaqaError, match="No such file"):
        Shared([1])
