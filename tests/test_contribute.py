"""Results from other machines: a good pack passes, and each way to spoil it is told."""

import json
import shutil
from pathlib import Path

import pytest
from bad_packs import BAD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packed import (
    CELL,
    FORM,
    PAIRS,
    TABLE,
    broken,
    cell_of,
    change_lines,
    change_rows,
    sealed_again,
)

from haqa_bench.errors import HaqaError
from haqa_bench.packs import archive, checked, taken


def test_a_good_pack_passes_every_rule(pack, receiving):
    assert broken(pack, receiving) == {}


def test_a_good_archive_passes_every_rule(pack, receiving, tmp_path):
    files = {p.relative_to(pack).as_posix(): p.read_bytes() for p in pack.rglob("*") if p.is_file()}
    path = tmp_path / "pack.tar.gz"
    path.write_bytes(archive.packed(files))

    assert broken(path, receiving) == {}
    assert path.read_bytes() == archive.packed(dict(reversed(files.items())))


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


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
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
