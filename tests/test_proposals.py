"""What methods computed when results were recorded, and what a replay says where it computes
otherwise.
"""

import ast
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support import REPOSITORY, SUITE, run, small_project, write_table
from whole_suites import FOLLOWS_THE_PROCESSOR, NAMES, on_another_processor

from haqa_bench import registry, suite
from haqa_bench.optimizers import gaussian_process
from haqa_bench.project import open_run
from haqa_bench.run import proposals, versions
from haqa_bench.run.plan import Plan
from haqa_bench.store import manifest
from haqa_bench.store.journal import finished, read_finished

GP = "  - {name: gp, optimizer: gp, options: {n_startup_trials: 2}}\n"
LOCAL = "  - {name: local, optimizer: local}\n"
RANDOM = "  - {name: random, optimizer: random}\n"
MORE = RANDOM + GP + LOCAL
COMPUTED = ["--methods", "default,random,gp,local"]


class Otherwise:
    """numpy as another version may be for the Gaussian process: it ranks the other way round."""

    def __getattr__(self, name: str) -> object:
        return getattr(np, "argmin" if name == "argmax" else name)


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory) -> Path:
    """A small project that recorded what was proposed."""
    folder = small_project(tmp_path_factory.mktemp("recorded"), SUITE.replace(RANDOM, MORE))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HAQA_BENCH_RUNS", raising=False)
        run(folder, *COMPUTED, "--record-proposals")
    return folder


@pytest.fixture
def recorded(recorded_once, tmp_path) -> Path:
    """A copy of it, to change."""
    return shutil.copytree(recorded_once, tmp_path, dirs_exist_ok=True)


def kept(project: Path) -> list[dict]:
    return read_finished(project / "results/proposals/small.jsonl")


def forged(project: Path, lines: list[dict]) -> Path:
    """As if somebody had recorded these."""
    path = project / "results/proposals/small.jsonl"
    manifest.write(path, finished(lines))
    return path


def changed(project: Path, old: str, new: str) -> None:
    path = project / "suites" / "small.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    write_table(project)


def test_the_same_draws_are_nothing_to_tell(recorded):
    assert run(recorded, *COMPUTED).stderr == ""
    assert run(recorded, *COMPUTED, "--fresh").stderr == ""


def test_a_library_that_draws_otherwise_is_told_with_its_versions(recorded, monkeypatch):
    monkeypatch.setattr(gaussian_process, "np", Otherwise())
    known = versions.version
    monkeypatch.setattr(
        versions, "version", lambda name: "9.9.9" if name == "scipy" else known(name)
    )

    done = run(recorded, *COMPUTED, "--fresh")
    again = run(recorded, *COMPUTED)

    (line,) = done.stderr.splitlines()
    assert line.startswith("gp proposed otherwise than recorded in 2 of 2 studies")
    assert f"python {versions.computed_with(())['python']}, " in line
    assert f"scipy {known('scipy')}" in line
    assert "; here scipy 9.9.9. To compute with the locked versions: pip install -r" in line
    assert again.stderr == done.stderr  # a run that is printed again, too


def test_what_other_versions_computed_is_another_run(recorded, monkeypatch):
    loaded = suite.load(recorded / "suites/small.yaml", recorded)
    replay = Plan(loaded, recorded, loaded.studies())
    live = replay._replace(agent="live")
    before = replay.folder, live.folder

    monkeypatch.setattr(versions, "version", lambda name: "9.9.9")

    assert replay.folder != before[0]  # so that it is not printed as this version's
    assert live.folder == before[1]  # so that what was paid for goes on


def test_the_same_versions_are_told_too(recorded, monkeypatch):
    monkeypatch.setattr(gaussian_process, "np", Otherwise())

    assert "here the same, so the program itself" in run(recorded, *COMPUTED, "--fresh").stderr


def test_a_report_that_replays_tells_it_too(recorded, monkeypatch, cli):
    changed(recorded, SUITE[SUITE.index("  - name: haqa") : SUITE.index("seeds: [0, 1]")], "")
    monkeypatch.setattr(gaussian_process, "np", Otherwise())

    done = cli("report", "--suite", recorded / "suites" / "small.yaml")

    assert "gp proposed otherwise than recorded in 2 of 2 studies" in done.stderr


def test_each_method_that_differs_is_a_note_in_json_too(recorded):
    first, *others = kept(recorded)
    forged(recorded, [wrong(first), *map(wrong, others[:2]), *others[2:]])

    told = json.loads(run(recorded, *COMPUTED, "--json").stdout)

    assert [note.partition(" in ")[2][:6] for note in told["notes"]] == ["2 of 2", "1 of 2"]


def wrong(line: dict) -> dict:
    return {**line, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("proposals: 5", "proposals: 4"),
        ("n_startup_trials: 2", "n_startup_trials: 3"),
        ("at_most_times_default: 1.1", "at_most_times_default: 1.2"),
        ("default: Q4_1", "default: Q4_0"),
    ],
)
def test_a_changed_suite_is_not_compared(recorded, monkeypatch, old, new):
    monkeypatch.setattr(gaussian_process, "np", Otherwise())
    changed(recorded, old, new)

    assert run(recorded, "--methods", "gp").stderr == ""


def test_other_measurements_are_not_compared(recorded, monkeypatch):
    monkeypatch.setattr(gaussian_process, "np", Otherwise())
    write_table(recorded, scale=1.5)

    assert run(recorded, "--methods", "gp").stderr == ""


def test_other_seeds_are_not_compared(recorded, monkeypatch):
    monkeypatch.setattr(gaussian_process, "np", Otherwise())

    told = run(recorded, "--methods", "gp", "--seeds", "4").stderr

    assert told.startswith("gp proposed otherwise than recorded in 2 of 2 studies")


def test_recording_some_methods_keeps_the_others(recorded):
    before = kept(recorded)
    forged(recorded, [wrong(before[0]), *before[1:]])

    done = run(recorded, "--methods", "default", "--record-proposals")

    assert done.stderr == "Recorded what was proposed: results/proposals/small.jsonl\n"
    assert kept(recorded) == before


def test_what_left_the_suite_leaves_the_record(recorded):
    changed(recorded, LOCAL, "")

    run(recorded, "--methods", "default", "--record-proposals")

    assert {line["study"].split("/")[2] for line in kept(recorded)} == {"default", "random", "gp"}


@pytest.mark.parametrize("line", [{}, {"study": 1}, {"study": "small", "sha256": "x"}])
def test_a_line_that_is_no_record_is_named(recorded, cli, line):
    path = forged(recorded, [*kept(recorded), line])

    done = cli("run", recorded / "suites/small.yaml", *COMPUTED)

    assert done.returncode == 2
    assert done.stderr.startswith(f"haqa-bench: {path}:9: no record of proposals: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "change", [lambda t: t[:-200], lambda t: t.replace(b"gp", b"go"), bytes.upper]
)
def test_a_changed_record_is_refused(recorded, cli, change):
    path = recorded / "results/proposals/small.jsonl"
    path.write_bytes(change(path.read_bytes()))

    done = cli("run", recorded / "suites/small.yaml", *COMPUTED)
    check = cli("check", "--project", recorded)

    assert done.returncode == check.returncode == 2
    assert "is not what was recorded" in done.stderr
    assert "results/proposals: 0 of 1 sound" in check.stdout


@pytest.mark.parametrize(
    "options", [["--methods", "haqa"], ["--measure", "live"], ["--agent", "live"]]
)
def test_that_there_is_nothing_to_record_is_told_before_anything_runs(project, cli, options):
    done = cli("run", project / "suites/small.yaml", "--record-proposals", *options)

    assert done.returncode == 2
    assert "no study here computes its proposals in a replay" in done.stderr
    assert not list(project.glob("results/runs/*"))


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_suites_propose_what_was_recorded(name, whole_suites):
    loaded = suite.load(REPOSITORY / f"suites/{name}.yaml", REPOSITORY)
    plan = Plan(loaded, REPOSITORY, loaded.studies())

    with open_run(whole_suites(name).folder) as done:
        differ = proposals.differences(plan, done)

    if on_another_processor(name):
        differ = [note for note in differ if not note.startswith(f"{FOLLOWS_THE_PROCESSOR} ")]
    assert differ == []


@pytest.mark.parametrize("name", NAMES)
def test_every_computed_study_of_the_shipped_suites_is_recorded(name):
    """If not: haqa-bench run SUITE --record-proposals."""
    loaded = suite.load(REPOSITORY / f"suites/{name}.yaml", REPOSITORY)
    plan = Plan(loaded, REPOSITORY, loaded.studies())

    known = proposals.recorded(plan)

    assert {one.id: proposals.follows_from(plan, one) for one in proposals.computed(plan)} == {
        name: record.follows_from for name, record in known.items()
    }


@pytest.mark.parametrize("optimizer", sorted(registry.COMPUTED.keys() & registry.OPTIMIZERS))
def test_a_method_says_every_library_that_it_imports(optimizer):
    module = registry.OPTIMIZERS[optimizer].partition(":")[0]
    libraries = {name.partition(".")[0].lower() for name in imported(module)}

    said = {name.lower() for name in registry.COMPUTED[optimizer]}

    assert libraries - sys.stdlib_module_names - {"haqa_bench"} <= said


def imported(module: str) -> set[str]:
    """What a module imports, and what those of the optimizers do that it imports."""
    tree = ast.parse(REPOSITORY.joinpath(*module.split(".")).with_suffix(".py").read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named = [node.names for node in ast.walk(tree) if isinstance(node, ast.Import)]
    found |= {alias.name for names in named for alias in names}
    inner = [name for name in found if name.startswith("haqa_bench.optimizers.")]
    return found.union(*map(imported, inner))
