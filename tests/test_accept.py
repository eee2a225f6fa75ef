"""Results of another machine, taken in: beside what is there, never over it."""

import json
from pathlib import Path

import pytest
from packed import CELL, FORM, PAIRS, TABLE, Kernel, cell_of, kernels_project, sealed_again
from support import REPOSITORY

from haqa_bench import disk, hardware, suite
from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.packs import accepted, suite_file, taken
from haqa_bench.packs.pack import opened
from haqa_bench.project import Project
from haqa_bench.report.found.machines import machines, transfers
from haqa_bench.run import sweep
from haqa_bench.run.elsewhere import moved
from haqa_bench.store import journal, manifest, tables

TITLE = "AMD Ryzen 9 7950X"
THERE = CELL.replace("epyc-zen4-2core", "my-machine")


def elsewhere(folder: Path, name: str = "my-machine", seed: int = 1, day: str = "") -> Path:
    """A pack of the cell as a stand-in measured it on another machine, of its own project."""
    project = kernels_project(folder / "theirs", results=False)
    ours = hardware.load(project.hardware, "epyc-zen4-2core")
    device = ours.model_copy(update={"name": name, "title": TITLE})
    (project.hardware / f"{name}.yaml").write_text(hardware.to_yaml(device))
    loaded, _ = cell_of(project)
    there = moved(loaded, device, [CELL])
    tabulated(project, there.cells[0], seed, day)
    pack = folder / "pack"
    found = taken.from_tables(there, there.cells, project, "")
    for path, data in taken.sealed(found, FORM).items():
        disk.write(pack / path, data)
    return pack


def tabulated(project: Project, cell, seed: int, day: str) -> None:
    path = project.table(cell)
    one = sweep.Sweep(
        cell, Kernel(seed=seed), journal.Journal(path.with_suffix(".jsonl.partial")), path
    )
    one.journal.append(
        {
            "cell": cell.id,
            "choices_sha256": sha256({n: list(p.choices) for n, p in cell.space.root.items()}),
            "workload": cell.workload.model_dump(mode="json"),
            "hardware": cell.hardware.name,
            "haqa_bench": "0.1.0",
        }
    )
    sweep.sweep([one], passes=2, seed=0, done=lambda: None)
    if day:
        dated(path, day)


def dated(path: Path, day: str) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    card = json.loads(table.schema.metadata[b"haqa_bench"]) | {"measured": [day, day]}
    made = table.replace_schema_metadata({"haqa_bench": json.dumps(card)})
    path.write_bytes(b"")
    pq.write_table(made, path)
    (project_of(path) / manifest.NAME).unlink()


def project_of(path: Path) -> Path:
    return path.parents[3]


@pytest.fixture
def ours(tmp_path) -> Project:
    return kernels_project(tmp_path / "ours", results=True)


def accept(pack: Path, project: Project, name: str = "") -> accepted.Accepted:
    with opened(pack) as found:
        return accepted.accept(found, project, name)


def test_an_accepted_pack_replays_with_all_methods_beside_our_own_machine(ours, tmp_path, cli):
    pack = elsewhere(tmp_path)
    taken_in = cli("table", "accept", pack, "--project", ours.folder)
    assert taken_in.returncode == 0, taken_in.stdout

    path = ours.folder / "suites/machines/kernels-my-machine.yaml"
    done = cli("run", path, "--methods", "default,random", "--runs", tmp_path / "runs")

    assert done.returncode == 0, done.stderr
    assert "EPYC Zen 4, 2 cores" in done.stdout
    assert "my-machine" in done.stdout
    table = tables.read(ours.folder / f"results/tables/kernel/{THERE}.parquet")
    assert table.card["contributed"]["contributor"] == "anonymous"
    assert cli("check", "--project", ours.folder).returncode == 0


def test_nothing_that_was_there_is_changed(ours, tmp_path):
    before = {p: p.read_bytes() for p in ours.folder.rglob("*") if p.is_file()}

    accept(elsewhere(tmp_path), ours)

    after = {p: p.read_bytes() for p in before}
    changed = [p.name for p in before if before[p] != after[p]]
    assert changed in ([], [manifest.NAME])


def test_a_second_measurement_on_one_machine_stands_beside_the_first(ours, tmp_path):
    accept(elsewhere(tmp_path / "one"), ours)

    second = accept(elsewhere(tmp_path / "two", seed=2, day="2026-11-25"), ours)

    assert second.machine == "my-machine-2026-11-25"
    (group,) = machines([cell_of(ours)[1]], ours)
    names = [one.cell.hardware.name for one in group]
    assert names == ["epyc-zen4-2core", "my-machine", "my-machine-2026-11-25"]
    with pytest.raises(HaqaError, match=r"is there already. Name it with --as"):
        accept(elsewhere(tmp_path / "three", seed=3, day="2026-11-25"), ours)
    named = accept(elsewhere(tmp_path / "four", seed=3, day="2026-11-25"), ours, "their-second")
    assert named.machine == "their-second"


def test_another_machine_of_the_same_name_is_refused(ours, tmp_path):
    """Here it is called like ours, and has other figures."""
    pack = elsewhere(tmp_path, name="their-machine")

    with pytest.raises(HaqaError, match="is another machine's profile of that name"):
        accept(pack, ours, "nvidia-a6000")


def test_a_model_that_leads_out_of_the_project_is_not_written(ours, tmp_path):
    """Even where nobody judged the pack."""
    pack = elsewhere(tmp_path)
    path = pack / "suite.json"
    path.write_text(path.read_text().replace('"SmolLM2-135M"', '"../../../../evil"'))
    sealed_again(pack)

    with pytest.raises(HaqaError, match="is no path of a project"):
        accept(pack, ours)


def test_a_broken_pack_is_not_accepted(ours, tmp_path, cli):
    pack = elsewhere(tmp_path)
    (pack / "FORM.yaml").write_text(FORM.replace("anonymous", '""'))

    done = cli("table", "accept", pack, "--project", ours.folder)

    assert done.returncode == 1
    assert "broken   form" in done.stdout
    assert not (ours.hardware / "my-machine.yaml").exists()


@pytest.mark.parametrize("name", ["../x", "a b", "", "-x"])
def test_a_name_that_leads_elsewhere_is_refused(name, ours, tmp_path, cli):
    done = cli("table", "accept", elsewhere(tmp_path), "--as", name, "--project", ours.folder)

    assert done.returncode == (0 if not name else 2)


def test_winners_are_looked_up_on_the_other_machine_s_table(ours, tmp_path, cli):
    accept(elsewhere(tmp_path), ours)

    (group,) = machines([cell_of(ours)[1]], ours)
    there, back = transfers(group)

    ours_, theirs = group
    assert there.key == ours_.order[0]
    assert there.value == theirs.value(ours_.order[0])
    assert there.rank == 1 + theirs.order.index(there.key)
    assert back.value == ours_.value(theirs.order[0])
    told = ours_.confirmed(ours_.order[0])
    assert told is not None
    assert told.pairs >= 6
    assert theirs.confirmed(theirs.order[0]) is None
    printed = cli("table", "machines", "kernels", "--cells", CELL, "--project", ours.folder)
    assert "my-machine: measured" in printed.stdout
    assert "contributed by anonymous, CC-BY-4.0" in " ".join(printed.stdout.split())
    assert f"{there.rank} of 108" in printed.stdout


def test_cells_of_one_machine_have_nothing_beside_them(ours, cli):
    done = cli("table", "machines", "kernels", "--project", ours.folder)

    assert done.returncode == 2
    assert "none of these cells has tables of two machines" in done.stderr


@pytest.mark.parametrize("name", ["kernels", "llama", "resnet", "joint", "formats", "memory"])
def test_a_suite_written_from_its_lock_has_the_same_cells(name, tmp_path):
    loaded = suite.load(REPOSITORY / "suites" / f"{name}.yaml", REPOSITORY)
    path = tmp_path / "made.yaml"
    path.write_text(suite_file.to_yaml(loaded))
    for file, text in suite_file.texts(loaded).items():
        disk.write(tmp_path / file, text)

    made = suite.load(path, REPOSITORY)

    assert made.cells == loaded.cells
    assert made.methods == loaded.methods
    assert (made.seeds, made.prices) == (loaded.seeds, loaded.prices)


def test_trials_of_a_run_are_kept_as_evidence(tmp_path):
    from test_contribute_runs import ran

    theirs = kernels_project(tmp_path / "theirs", results=False)
    loaded, cell = cell_of(theirs)
    ran(theirs, tmp_path / "run", cell, loaded)
    found = taken.from_run(tmp_path / "run", theirs, (), "")
    for path, data in taken.sealed(found, FORM).items():
        disk.write(tmp_path / "pack" / path, data)
    ours = kernels_project(tmp_path / "ours", results=False)

    done = accept(tmp_path / "pack", ours)

    kept = f"results/trials/epyc-zen4-2core-run/{CELL}/random-s0.jsonl"
    assert kept in done.files
    assert PAIRS in done.files
    assert TABLE not in done.files
    assert done.suite == ""
    assert "as evidence" in done.notes[0]
