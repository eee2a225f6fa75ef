"""Results from other machines: a good pack passes, and each way to spoil it is told."""

import io
import json
import shutil
import tarfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packed import (
    CELL,
    FORM,
    PAIRS,
    PROFILE,
    TABLE,
    Kernel,
    cell_of,
    change_json,
    change_lines,
    change_rows,
    change_text,
    every_sample,
    good_pack,
    kernels_project,
    samples_of,
    sealed_again,
    set_samples,
)
from support import REPOSITORY

from haqa_bench import disk
from haqa_bench.errors import HaqaError
from haqa_bench.packs import archive, bounded, checked, taken
from haqa_bench.run import complete, runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The project of whoever measured."""
    return kernels_project(tmp_path_factory.mktemp("measured"), results=True)


@pytest.fixture(scope="module")
def receiving(tmp_path_factory):
    """The project that results are given to."""
    return kernels_project(tmp_path_factory.mktemp("receiving"), results=False)


@pytest.fixture(scope="module")
def good(measured, tmp_path_factory):
    return good_pack(measured, tmp_path_factory.mktemp("good") / "pack")


@pytest.fixture
def pack(good, tmp_path):
    return Path(shutil.copytree(good, tmp_path / "pack"))


def broken(pack, project) -> dict[str, str]:
    """The rules that are broken, with what is told of each."""
    found = checked.check(pack, project)
    return {j.name: " ".join(map(str, j.problems)) for j in found if j.status != "ok"}


def test_a_good_pack_passes_every_rule(pack, receiving):
    assert broken(pack, receiving) == {}


def test_a_good_archive_passes_every_rule(pack, receiving, tmp_path):
    files = {p.relative_to(pack).as_posix(): p.read_bytes() for p in pack.rglob("*") if p.is_file()}
    path = tmp_path / "pack.tar.gz"
    path.write_bytes(archive.packed(files))

    assert broken(path, receiving) == {}
    assert path.read_bytes() == archive.packed(dict(reversed(files.items())))


def first_ok(rows):
    return next(row for row in rows if row["status"] == "ok")


def copy_one_to_another(rows):
    one, other = [row for row in rows if row["status"] == "ok" and row["pass"] == 0][:2]
    set_samples(other, "time_us", list(samples_of(one, "time_us")))
    key = other["configuration"]
    rows[:] = [r for r in rows if r["configuration"] != key or r["pass"] == 0]
    key = one["configuration"]
    rows[:] = [r for r in rows if r["configuration"] != key or r["pass"] == 0]


def busy(rows):
    for row in rows:
        if row["status"] == "ok":
            set_samples(row, "others_share", [0.4 for _ in samples_of(row, "others_share")])


def metric(name, new):
    return every_sample(name, lambda sample: new)


RECORDING = f"cassettes/kernels/{CELL}/haqa-s0.jsonl"


def recorded(pack, name="haqa-s0.jsonl"):
    target = (pack / RECORDING).with_name(name)
    target.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / RECORDING, target)


def renamed(told, model):
    for cell in told["cells"]:
        cell["model_name"] = model


BAD = {
    "the form is blank": (change_text("FORM.yaml", "anonymous", '""'), "form", "contributor"),
    "no consent": (change_text("FORM.yaml", "true", "false"), "form", "consent_to_publish"),
    "another licence": (change_text("FORM.yaml", "CC-BY-4.0", "ask me"), "form", "CC0-1.0"),
    "a form of other keys": (change_text("FORM.yaml", "licence", "license"), "form", "license"),
    "the form is gone": (lambda pack: (pack / "FORM.yaml").unlink(), "form", "cannot be read"),
    "a file too many": (
        lambda pack: (pack / "run.sh").write_text("echo"),
        "files",
        "run.sh: is no file of a pack",
    ),
    "a configuration less": (
        change_rows(lambda rows: rows.__delitem__(slice(0, 3))),
        "space",
        "1 of 108 configurations are missing",
    ),
    "a configuration of another space": (
        change_rows(lambda rows: rows[0].update(configuration='{"GROUP":3}')),
        "space",
        "is no configuration of the space",
    ),
    "a configuration twice": (
        change_rows(lambda rows: rows.append(dict(rows[0]))),
        "space",
        "stands 2 times in pass 0",
    ),
    "another unit": (
        change_rows(lambda rows: first_ok(rows)["readings"][0].update(unit="ms")),
        "metrics",
        "is in 'ms', not in 'us'",
    ),
    "a metric that is none": (
        change_rows(lambda rows: first_ok(rows)["readings"][0].update(name="speed")),
        "metrics",
        "speed is no metric of the track",
    ),
    "a sample that is not finite": (
        change_rows(lambda rows: set_samples(first_ok(rows), "time_us", [float("nan")] * 10)),
        "readable",
        "a sample is not finite",
    ),
    "a time below nothing": (metric("time_us", -5.0), "numbers", "must be above 0"),
    "a share of the machine beyond all": (
        metric("others_share", 1.5),
        "numbers",
        "never above 1",
    ),
    "quicker than the memory": (
        every_sample("time_us", lambda sample: sample / 1e4),
        "roofline",
        "us at least on this profile",
    ),
    "a bandwidth that no such machine has": (
        every_sample("bandwidth_gb_s", lambda sample: 100 * sample),
        "device",
        "bandwidth_gb_s is",
    ),
    "samples that are all one": (metric("time_us", 100.0), "spread", "no clock gives that"),
    "one configuration's samples for another's": (
        change_rows(copy_one_to_another),
        "spread",
        "has the very samples of",
    ),
    "disturbed all the time": (change_rows(busy), "undisturbed", "in every sample"),
    "measured tomorrow": (
        change_rows(lambda rows: None, lambda card: card.update(measured=["2100-01-01"] * 2)),
        "dates",
        "is yet to come",
    ),
    "measured before the program was there": (
        change_rows(lambda rows: None, lambda card: card.update(measured=["2020-01-01"] * 2)),
        "dates",
        "before this program existed",
    ),
    "no date": (
        change_rows(lambda rows: None, lambda card: card.pop("measured")),
        "dates",
        "'' is no date",
    ),
    "another cell's card": (
        change_rows(lambda rows: None, lambda card: card.update(cell="other")),
        "cells",
        "its cell is not the suite's",
    ),
    "simulated": (
        change_rows(lambda rows: None, lambda card: card.update(source="simulated")),
        "cells",
        "was not measured by haqa-bench",
    ),
    "no version": (
        change_rows(lambda rows: None, lambda card: card.pop("haqa_bench")),
        "versions",
        "is no version: ''",
    ),
    "a version yet to come": (
        change_json("pack.json", lambda card: card.update(haqa_bench="99.0.0")),
        "versions",
        "newer haqa-bench",
    ),
    "no build": (
        change_rows(lambda rows: [row.update(facts="{}") for row in rows]),
        "versions",
        "do not say which build measured",
    ),
    "another suite than was run": (
        change_json("suite.json", lambda told: told["seeds"].append(77)),
        "lock",
        "its lock is another",
    ),
    "a profile of another maker": (
        change_text(PROFILE, "title: AMD EPYC (Zen 4, Genoa)", "title: Intel Xeon"),
        "profile",
        "is not the profile that",
    ),
    "a profile that no machine has": (
        change_text(PROFILE, "bandwidth: {value: 27,", "bandwidth: {value: 27000,"),
        "profile",
        "which no cpu has",
    ),
    "a path": (
        change_text(PROFILE, "notes: '", "notes: 'see /home/jane/notes. "),
        "private",
        "a path of somebody's machine: /home/jane",
    ),
    "a path in a table": (
        change_rows(lambda rows: rows[0].update(facts='{"driver": "/home/jane/lib.so"}')),
        "private",
        "/home/jane",
    ),
    "a key": (
        change_text(PROFILE, "notes: '", "notes: 'sk-proj-abcdefghijklmnopqrstuvwx "),
        "private",
        "a key: sk-p...",
    ),
    "an address": (
        change_text(PROFILE, "notes: '", "notes: 'jane@example.org "),
        "private",
        "an e-mail address",
    ),
    "pairs with a broken chain": (
        change_text(PAIRS, '"pair": 0', '"pair": 9'),
        "readable",
        "the hash that ends it is another",
    ),
    "pairs whose value is another": (
        change_lines(PAIRS, lambda lines: lines[1].update(tuned=1.0)),
        "readable",
        "tuned is not what its samples give",
    ),
    "pairs on another machine": (
        change_lines(PAIRS, lambda lines: lines[0].update(machine="Intel Xeon, 64 cores")),
        "machine",
        "was measured on 'Intel Xeon, 64 cores'",
    ),
    "a model that leads elsewhere": (
        change_json("suite.json", lambda told: renamed(told, "../../../evil")),
        "cells",
        "is not its model's and machine's",
    ),
    "an LLM's recording of another run": (recorded, "cassettes", "in another run than the pack's"),
    "an LLM's recording in another's place": (
        lambda pack: recorded(pack, "haqa-s1.jsonl"),
        "cassettes",
        "is the recording of kernels/",
    ),
    "an LLM's recording with a broken chain": (
        lambda pack: (recorded(pack), change_text(RECORDING, '"round": 1', '"round": 9')(pack)),
        "readable",
        "the hash that ends it is another",
    ),
    "no table at all": (
        lambda pack: [(pack / TABLE).unlink(), (pack / PAIRS).unlink()],
        "files",
        "holds nothing that was measured",
    ),
    "a table that is none": (
        lambda pack: (pack / TABLE).write_bytes(b"PAR1"),
        "readable",
        "not a Parquet file",
    ),
    "a suite that is none": (
        lambda pack: (pack / "suite.json").write_text("{}"),
        "lock",
        "",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_pack_is_refused_with_its_reason(case, pack, receiving):
    spoil, rule, reason = BAD[case]

    spoil(pack)
    sealed_again(pack)

    assert reason in broken(pack, receiving)[rule]


def test_what_is_in_the_project_already_is_no_contribution(pack, measured):
    told = broken(pack, measured)

    assert "is in the project already" in told["new"]
    assert "108 of 108 configurations have the very samples of" in told["own"]


def test_the_very_samples_under_another_machine_s_name_are_told(pack, measured, tmp_path):
    """Whatever else is changed: the bytes of the file are others."""
    change_rows(lambda rows: None, lambda card: card.update(order_seed=5))(pack)
    change_lines(PAIRS, lambda lines: lines.pop())(pack)
    sealed_again(pack)

    told = broken(pack, measured)
    assert "new" not in told
    assert "have the very samples of" in told["own"]


def test_whoever_measured_here_checks_without_the_copies_that_lie_here(pack, measured):
    assert checked.is_sound(checked.check(pack, measured, mine=True))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_no_changed_sample_is_taken_in_silence(random, good, receiving, tmp_path_factory):
    pack = Path(shutil.copytree(good, tmp_path_factory.mktemp("changed") / "pack"))

    def change(rows):
        row = random.choice([r for r in rows if r["status"] == "ok"])
        reading = random.choice(row["readings"])
        place = random.randrange(len(reading["samples"]))
        reading["samples"][place] = (reading["samples"][place] + 1) * random.uniform(1.0001, 2)

    change_rows(change)(pack)

    assert "is not what was packed" in broken(pack, receiving)["manifest"]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_any_byte_that_is_changed_is_told(random, good, receiving, tmp_path_factory):
    pack = Path(shutil.copytree(good, tmp_path_factory.mktemp("changed") / "pack"))
    path = random.choice(
        sorted(p for p in pack.rglob("*") if p.is_file() and p.name != "FORM.yaml")
    )
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(bytes(data))

    assert broken(pack, receiving)
    sealed_again(pack)
    broken(pack, receiving)  # whatever it is now, it is judged


def hostile(name="x", kind=tarfile.REGTYPE, size=0, link=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.linkname = kind, size, link
        tar.addfile(entry, io.BytesIO(b"\0" * size))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hostile("/etc/passwd"), "leads out of the pack"),
        (hostile("a/../../b"), "leads out of the pack"),
        (hostile("a\\..\\b"), "leads out of the pack"),
        (hostile(kind=tarfile.SYMTYPE, link="/etc/passwd"), "is a link"),
        (hostile(kind=tarfile.LNKTYPE, link="y"), "is a link"),
        (hostile(kind=tarfile.FIFOTYPE), "is a link, a device"),
        (hostile(), "is no pack"),
        (b"", "no archive of a pack"),
        (b"no archive", "no archive of a pack"),
    ],
)
def test_a_hostile_archive_is_refused(data, reason, tmp_path, receiving):
    path = tmp_path / "pack.tar.gz"
    path.write_bytes(data)

    with pytest.raises(HaqaError, match=reason):
        checked.check(path, receiving)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, receiving, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 100_000)
    path = tmp_path / "pack.tar.gz"
    path.write_bytes(hostile(size=1_000_000))

    with pytest.raises(HaqaError, match="is larger than the 100,000 bytes of a pack"):
        checked.check(path, receiving)


def test_a_table_that_stands_for_a_huge_one_is_not_read(pack, receiving, monkeypatch):
    change_rows(lambda rows: [row.update(reason="x" * 100_000) for row in rows])(pack)
    sealed_again(pack)
    assert (pack / TABLE).stat().st_size < 1_000_000
    monkeypatch.setattr(bounded, "MOST_BYTES", 10_000_000)

    told = broken(pack, receiving)["readable"]

    assert "has more than the 10,000,000 letters of a table in a pack" in told


def test_a_folder_with_a_link_is_refused(pack, receiving):
    (pack / "hardware/other.yaml").symlink_to("/etc/passwd")

    with pytest.raises(HaqaError, match="is a link or a device"):
        checked.check(pack, receiving)


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


def test_the_commands_pack_and_judge(measured, receiving, tmp_path, cli):
    (tmp_path / "form.yaml").write_text(FORM)
    path = tmp_path / "pack.tar.gz"
    done = cli(
        "contribute", measured.folder / "suites/kernels.yaml", "--cells", CELL,
        "--form", tmp_path / "form.yaml", "--output", path, "--json",
    )  # fmt: skip
    assert done.returncode == 0
    assert TABLE in json.loads(done.stdout)["files"]

    good = cli("table", "check", path, "--project", receiving.folder, "--json")
    bad = cli("table", "check", path, "--project", measured.folder)
    none = cli("table", "check", tmp_path, "--project", receiving.folder)

    assert (good.returncode, json.loads(good.stdout)["ok"]) == (0, True)
    assert bad.returncode == 1
    assert "broken   new: nothing is in the project already" in bad.stdout
    assert none.returncode == 2
    assert len(none.stderr.strip().splitlines()) == 1


def test_no_name_or_key_of_this_machine_is_packed(measured, monkeypatch):
    loaded, cell = cell_of(measured)
    monkeypatch.setenv("SOME_API_KEY", "hidden-among-the-words")
    shown = cell.model_copy(
        update={"hardware": cell.hardware.model_copy(update={"notes": "hidden-among-the-words"})}
    )
    told = loaded.model_copy(update={"cells": (shown,)})

    with pytest.raises(HaqaError, match="a key of this machine's environment"):
        taken.from_tables(told, [shown], measured, "")


def test_the_address_of_a_device_stays_at_home(measured):
    loaded, cell = cell_of(measured)
    device = cell.hardware.model_copy(update={"target": "ssh://jane@phone:22/data/llama"})
    there = cell.model_copy(update={"hardware": device})

    found = taken.from_tables(loaded.model_copy(update={"cells": (there,)}), [there], measured, "")

    assert not any(b"jane" in data for data in found.files.values())
    assert json.loads(found.files["pack.json"])["stripped"]


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
