"""What a live run measured is packed, and nothing else is."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from packed import (
    CELL,
    FORM,
    PAIRS,
    Kernel,
    broken,
    cell_of,
    change_lines,
    kernels_project,
    sealed_again,
)

from haqa_bench import disk
from haqa_bench.errors import HaqaError
from haqa_bench.packs import taken
from haqa_bench.run import complete, runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan


class Elsewhere(Serial):
    """Measures on no machine of ours: whoever measures this one is not waited for."""

    def hold(self, plan):
        return nullcontext()


def ran(project, folder, cell, loaded, measure="live"):
    """A run of two methods on one cell, which a stand-in measures where it is live."""
    kept = loaded.model_copy(update={"cells": (cell,)})
    studies = [s for s in kept.studies() if s.method.name in ("default", "random") and s.seed == 0]
    what = Plan(kept, project.folder, studies, measure=measure)
    list(runner.run(what, folder, Elsewhere({cell.id: Kernel()} if measure == "live" else {})))
    complete.mark(folder)


@pytest.fixture(scope="module")
def live_run(tmp_path_factory):
    project = kernels_project(tmp_path_factory.mktemp("live"), results=False)
    loaded, cell = cell_of(project)
    ran(project, project.folder / "run", cell, loaded)
    return project, project.folder / "run"


def test_a_live_run_is_packed_with_its_journals_and_pairs_and_passes(live_run, receiving, tmp_path):
    project, folder = live_run

    packed = taken.from_run(folder, project, (), "")
    for name, data in taken.sealed(packed, FORM).items():
        disk.write(tmp_path / "pack" / name, data)

    assert f"journal/{CELL}/random-s0.jsonl" in packed.files
    assert PAIRS in packed.files
    assert taken.sealed(packed) == taken.sealed(taken.from_run(folder, project, (), ""))
    assert broken(tmp_path / "pack", receiving) == {}


def value_of_a_trial(lines):
    next(line for line in lines if line.get("measurements"))["measurements"][0]["value"] = 50.0


@pytest.mark.parametrize(
    ("change", "rule", "reason"),
    [
        (value_of_a_trial, "values", "and its samples give"),
        (lambda lines: lines[0].update(lock="0" * 64), "lock", "its lock is another"),
        (lambda lines: lines[1]["configuration"].update(GROUP=3), "space", "GROUP: 3 is none of"),
        (lambda lines: lines[0].update(machine="Apple M2"), "machine", "'Apple M2'"),
    ],
)
def test_a_changed_journal_is_refused(change, rule, reason, live_run, receiving, tmp_path):
    project, folder = live_run
    for name, data in taken.sealed(taken.from_run(folder, project, (), ""), FORM).items():
        disk.write(tmp_path / "pack" / name, data)

    change_lines(f"journal/{CELL}/random-s0.jsonl", change)(tmp_path / "pack")
    sealed_again(tmp_path / "pack")

    assert reason in broken(tmp_path / "pack", receiving)[rule]


def test_a_run_that_goes_on_still_is_not_packed(live_run):
    project, folder = live_run
    held = runner.alone(folder)

    with pytest.raises(HaqaError, match="another process is running this"):
        taken.from_run(folder, project, (), "")
    held.release()


def test_an_unfinished_or_changed_run_is_not_packed(live_run, tmp_path):
    project, folder = live_run
    copied = Path(shutil.copytree(folder, tmp_path / "run"))
    path = copied / f"journal/{CELL}/random-s0.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))

    with pytest.raises(HaqaError, match="has changed since it ended"):
        taken.from_run(copied, project, (), "")
    (copied / complete.NAME).unlink()
    with pytest.raises(HaqaError, match="was never finished"):
        taken.from_run(copied, project, (), "")


def test_a_replay_measured_nothing(measured, tmp_path, cli):
    loaded, cell = cell_of(measured)
    replay = tmp_path / "run"
    ran(measured, replay, cell, loaded, measure="recorded")

    done = cli("contribute", replay, "--project", measured.folder)

    assert done.returncode == 2
    assert "is a replay, or simulated: it measured nothing" in done.stderr


TINY = """\
name: tiny
models:
  Net: {architecture: llama, parameters: 134515008, dimensions: {heads: 9, head_size: 64}}
methods: [{name: default, optimizer: default}, {name: random, optimizer: random}]
seeds: [0]
cells:
  - track: kernel
    models: [Net]
    bit_widths: [FP32]
    hardware: [epyc-zen4-2core]
    space:
      GROUP: {choices: [64, 256], default: 256}
      TABLE: {choices: [0, 1], default: 0}
    workload: {kernel: rope, shape: {tokens: 512, heads: heads, head_size: head_size}}
    objective: {metric: time_us}
    budget: {proposals: 3}
"""


@pytest.mark.live
def test_what_this_machine_really_measures_is_packed_and_passes(receiving, tmp_path, cli):
    mine = kernels_project(tmp_path / "mine", results=False).folder
    (mine / "suites/tiny.yaml").write_text(TINY)
    (tmp_path / "form.yaml").write_text(FORM)
    pack = tmp_path / "pack"
    assert cli("hardware", "detect", "--output", mine / "hardware/here.yaml").returncode == 0
    swept = cli("tabulate", mine / "suites/tiny.yaml", "--hardware", "here", "--passes", "2")
    assert swept.returncode == 0, swept.stderr

    packed = cli(
        "contribute", mine / "suites/tiny.yaml", "--hardware", "here", "--output", pack,
        "--form", tmp_path / "form.yaml",
    )  # fmt: skip

    assert packed.returncode == 0, packed.stderr
    told = broken(pack, receiving)
    told.pop("undisturbed", "")  # others may well take this machine while tests run
    assert told == {}
