"""Nothing that was recorded is changed, slipped in or left out unnoticed."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import plan, record, run

from haqa_bench.errors import HaqaError
from haqa_bench.project import open_run, suite_of
from haqa_bench.report.published import document
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.header import fixed
from haqa_bench.store import confirmed, database, journal, manifest, tables


@pytest.fixture
def recorded(project):
    record(project)
    return project


@pytest.fixture
def done(recorded):
    list(runner.run(plan(recorded), recorded / "run", Serial()))
    return recorded / "run"


def rewritten(path, change):
    """A journal with other lines, and the right hashes for them: as one who means harm would."""
    lines = journal.read_lines(path)
    change(lines)
    path.unlink()
    journal.Journal(path).append(*lines)


def one_journal(folder, name="random-s0"):
    return next((folder / "journal").rglob(f"{name}.jsonl"))


def build(folder):
    return database.build(folder, fixed(suite_of(folder)))


def test_every_bit_of_a_journal_counts(done):
    path = one_journal(done)
    data = path.read_bytes()
    for place in range(0, len(data), 37):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(HaqaError, match="random-s0"):
            journal.read_lines(path)


@pytest.mark.parametrize("cut", ["first", "middle", "swapped"])
def test_lines_that_are_left_out_or_moved_break_the_chain(done, cut):
    path = one_journal(done)
    lines = path.read_bytes().splitlines(keepends=True)
    other = {
        "first": lines[1:],
        "middle": lines[:2] + lines[3:],
        "swapped": [*lines[:2], lines[3], lines[2], *lines[4:]],
    }[cut]
    path.write_bytes(b"".join(other))

    with pytest.raises(HaqaError, match="the hash that ends it"):
        journal.read_lines(path)


def test_a_value_that_its_samples_do_not_give_is_refused(done):
    def change(lines):
        measured = next(line for line in lines[1:] if line["status"] == "ok")["measurements"][0]
        measured["value"] *= 1.5

    rewritten(one_journal(done), change)

    with pytest.raises(HaqaError, match=r"random-s0\.jsonl:\d+: .* not what its samples give"):
        build(done)


def test_a_value_better_than_the_best_of_its_table_is_refused(done):
    def change(lines):
        lines[0]["optimum"] = 0.1

    rewritten(one_journal(done), change)

    with pytest.raises(HaqaError, match="better than the best of its table"):
        build(done)


@pytest.mark.parametrize(
    ("field", "value"), [("method", "haqa"), ("lock", "0" * 64), ("seed", 7), ("cell", "other")]
)
def test_a_header_that_is_not_its_studys_is_refused(done, field, value):
    rewritten(one_journal(done), lambda lines: lines[0].update({field: value}))

    with pytest.raises(HaqaError, match=rf"random-s0\.jsonl:1: its {field} is not that"):
        build(done)
    with pytest.raises(HaqaError, match=rf"its {field} is not that"):
        list(runner.run(plan(done.parent), done, Serial()))


def test_a_journal_of_another_run_is_refused(done):
    path = one_journal(done)
    path.with_name("stranger-s0.jsonl").write_bytes(path.read_bytes())

    with pytest.raises(HaqaError, match=r"stranger-s0\.jsonl: is of no study of this run"):
        build(done)


def test_a_lock_that_was_changed_is_refused(done):
    lock = done / "lock.json"
    lock.write_text(lock.read_text().replace('"INT4"', '"INT8"'))

    with (
        pytest.raises(HaqaError, match=r"lock\.json: is not the lock that was run here"),
        open_run(done),
    ):
        pass


def test_what_is_not_in_the_manifest_or_another_than_it_says_is_refused(recorded):
    path = next((recorded / "results/tables").rglob("*.parquet"))
    data = path.read_bytes()
    pq.write_table(pq.read_table(path), path)
    with pytest.raises(HaqaError, match=r"parquet: is not what was recorded.*check --seal"):
        tables.read(path)
    path.write_bytes(data)
    tables.read(path)

    listed = recorded / manifest.NAME
    listed.write_text(re.sub(r".*parquet\n", "", listed.read_text()))
    with pytest.raises(HaqaError, match="is not in MANIFEST"):
        tables.read(path)


def test_a_recording_that_is_being_replaced_is_what_it_was_or_what_it_will_be(recorded):
    path = next((recorded / "cassettes").rglob("haqa-s0.jsonl"))
    old, new = path.read_bytes(), journal.finished([{"kind": "card"}])

    with pytest.raises(RuntimeError, match="killed"):
        _cut_while_writing(path, new)
    manifest.verify(path, old)

    manifest.write(path, new)
    manifest.verify(path, new)
    with pytest.raises(HaqaError, match="is not what was recorded"):
        manifest.verify(path, old)


def _cut_while_writing(path, new):
    with manifest.recording(path) as partial:
        partial.write_bytes(new)
        raise RuntimeError("killed")


def test_a_manifest_begins_with_all_that_is_there(recorded):
    (recorded / manifest.NAME).unlink()
    before = manifest.found(recorded)

    manifest.write(recorded / "cassettes/a/b/c-s0.jsonl", b"")

    assert manifest.read(recorded / manifest.NAME).items() > before.items()


@pytest.mark.parametrize("sample", [float("nan"), float("inf")])
def test_a_sample_that_is_no_number_is_refused(recorded, sample):
    path = next((recorded / "results/tables").rglob("*.parquet"))
    found = pq.read_table(path)
    rows = found.to_pylist()
    measured = next(row for row in rows if row["readings"])
    measured["readings"][0]["samples"][0] = sample
    pq.write_table(pa.Table.from_pylist(rows, found.schema), path)
    (recorded / manifest.NAME).unlink()

    with pytest.raises(HaqaError, match="a sample is not finite"):
        tables.read(path)


def test_new_tables_have_page_checksums(recorded):
    path = next((recorded / "results/tables").rglob("*.parquet"))
    (recorded / manifest.NAME).unlink()
    data = bytearray(path.read_bytes())
    data[60] ^= 4
    path.write_bytes(data)

    with pytest.raises(HaqaError):
        tables.read(path)


PAIR = {
    "kind": "pair",
    "configuration": "{}",
    "pair": 0,
    "first": "tuned",
    "date": "2026-01-01",
    "others": 0.0,
    "failed": "",
    "default": 1.0,
    "default_samples": [1.0],
    "tuned": 2.0,
    "tuned_samples": [2.0],
}
TEST = {
    "kind": "test",
    "configuration": "{}",
    "seed": 1000,
    "date": "2026-01-01",
    "failed": "",
    "values": {"acc": [50.0, "%"]},
    "facts": {"acc": "10"},
}
CARD = {
    "kind": "card",
    "format": 2,
    "cell": "c",
    "workload": {},
    "default": "{}",
    "metric": "m",
    "unit": "tokens/s",
    "machine": "here",
    "haqa_bench": "0",
}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (PAIR | {"tuned": 4.0}, "tuned is not what its samples give"),
        (PAIR | {"tuned": None}, "neither failed nor measured"),
        (PAIR | {"others": 0.9, "tuned": 4.0}, "tuned is not what its samples give"),
        ({"kind": "pair"}, "Field required"),
        (TEST | {"values": {"acc": [60.0, "%"]}}, "acc is not the share"),
        (TEST | {"values": 3}, "not pairs or tests"),
        ({"kind": "other"}, "not pairs or tests"),
        ({}, "not pairs or tests"),
    ],
)
def test_confirmed_results_are_checked_at_the_door(tmp_path, line, what):
    path = tmp_path / "c.jsonl"
    path.write_bytes(journal.finished([CARD, PAIR, TEST]))
    assert len(confirmed.read(path, finished=True).lines) == 2

    path.write_bytes(journal.finished([CARD, line]))
    with pytest.raises(HaqaError, match=rf"c\.jsonl:2: .*{what}"):
        confirmed.read(path)


@pytest.mark.parametrize("card", [{}, {"kind": "card"}, CARD | {"format": 99}, CARD | {"cell": 3}])
def test_a_card_of_confirmed_results_is_checked_too(tmp_path, card):
    path = tmp_path / "c.jsonl"
    path.write_bytes(journal.finished([card]))

    with pytest.raises(HaqaError, match=r"c\.jsonl"):
        confirmed.read(path)


def test_a_full_disk_leaves_the_database_as_it_was(done, monkeypatch):
    before = (done / database.NAME).read_bytes()

    def cut(connection, table, rows, lines):
        if table == "trials":
            connection.execute("SELECT * FROM nowhere")

    monkeypatch.setattr(database, "_insert", cut)
    with pytest.raises(HaqaError, match=r"nowhere"):
        build(done)
    assert (done / database.NAME).read_bytes() == before
    assert not list(done.glob("*.partial*"))


def test_rows_that_the_database_did_not_take_are_an_error(done, monkeypatch):
    schema = "CREATE TRIGGER"  # DuckDB has none: an empty schema, and the rows have no table
    monkeypatch.setattr(database, "files", lambda _: _Schema(schema))

    with pytest.raises(HaqaError, match="trials"):
        build(done)


class _Schema:
    def __init__(self, text):
        self.text = text

    def joinpath(self, _):
        return self

    def read_text(self):
        return self.text


def test_check_says_what_is_sound_and_seals(recorded, cli):
    done = cli("check", "--project", recorded)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cassettes: 2 of 2 sound" in done.stdout

    path = next((recorded / "cassettes").rglob("haqa-s0.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"try it", b"buy it"))
    done = cli("check", "--project", recorded, "--json")
    assert done.returncode == 2
    areas = {area["name"]: area for area in json.loads(done.stdout)}
    assert len(areas["cassettes"]["faults"]) == len(areas["MANIFEST.sha256"]["faults"]) == 1

    done = cli("check", "--project", recorded, "--seal")
    assert done.returncode == 2  # sealed as it is, and its own hashes still say that it is not so
    assert "damaged line" in done.stdout


def test_recordings_of_the_version_before_are_sealed(recorded, cli):
    path = next((recorded / "cassettes").rglob("haqa-s0.jsonl"))
    lines = journal.read_lines(path)
    old = [{k: v for k, v in line.items() if k != "format"} for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in old))
    (recorded / manifest.NAME).unlink()
    with pytest.raises(HaqaError, match="earlier version: haqa-bench check --seal"):
        run(recorded)

    done = cli("check", "--project", recorded, "--seal")

    assert "haqa-s0.jsonl: took its hashes" in done.stderr
    assert journal.read_finished(path) == lines
    run(recorded)


def test_a_published_table_that_was_changed_is_refused(recorded):
    path = recorded / "paper_tables/one.yaml"
    manifest.write(path, b"title: One\n")
    path.write_text("title: Two\n")

    with pytest.raises(HaqaError, match=r"one\.yaml: is not what was recorded"):
        document.load(path)


@pytest.mark.parametrize("text", ["\ud83d", "\x00", "\x1b[2J", "a\nb"])
def test_a_thought_of_any_characters_is_no_end_of_the_database(done, text):
    rewritten(one_journal(done), lambda lines: lines[2].update({"thought": text}))

    build(done)

    with open_run(done) as run_:
        assert run_.folder == done


def test_a_damaged_manifest_is_written_anew_by_the_seal(recorded, cli):
    (recorded / manifest.NAME).write_text("noise\n")
    assert cli("check", "--project", recorded).returncode == 2

    assert cli("check", "--project", recorded, "--seal").returncode == 0
    assert manifest.read(recorded / manifest.NAME) == manifest.found(recorded)


def test_a_recording_whose_first_hash_is_damaged_is_not_sealed_as_an_older_one(recorded, cli):
    path = next((recorded / "cassettes").rglob("haqa-s0.jsonl"))
    damaged = path.read_bytes().replace(b'"chain"', b'"chaim"', 1)
    path.write_bytes(damaged)

    done = cli("check", "--project", recorded, "--seal")

    assert done.returncode == 2
    assert "damaged: only some lines have hashes" in done.stderr
    assert path.read_bytes() == damaged
