"""Readers of files, given files that somebody or something has changed: a fault or a value, soon.

Short here, the same examples each time; `make fuzz` takes new ones for some minutes.
"""

import json
import os
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import REPOSITORY, SUITE, small_project, write_table

from haqa_bench import hardware, suite
from haqa_bench.documents import JsonObject, parse_json, read_yaml
from haqa_bench.errors import HaqaError
from haqa_bench.llm import cassette
from haqa_bench.llm.reply import read_reply
from haqa_bench.optimizers.agent.sandbox import Sandbox
from haqa_bench.project import suite_of, write_lock
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.run import confirm
from haqa_bench.store import database, journal, tables
from haqa_bench.store.kernel_tuner.exported import to_cache, to_t4
from haqa_bench.store.kernel_tuner.imported import imported

LONG = os.environ.get("HAQA_BENCH_FUZZ", "")
"""How many examples a reader gets, in place of a few."""
SOON_S = 5.0
"""Of a processor, for one file; a hundred times what it takes."""
fuzz = settings(
    max_examples=int(LONG or 20),
    phases=list(Phase) if LONG else [Phase.generate],  # a fault is shrunk by `make fuzz`
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ODD = st.one_of(
    st.sampled_from([None, True, "", [], {}, 0, -1, 2**53 + 1, 10**30, 1e308, float("inf")]),
    st.sampled_from(["\0", "\ud83d", "../..", "{{ 1 }}", "x" * 1000, [[]] * 3, {"": None}, 0.5]),
    st.text(max_size=5),
    st.recursive(st.none() | st.integers(), lambda v: st.lists(v, max_size=3), max_leaves=5),
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["put", "drop", "add"]), ODD), max_size=3
)
CUTS = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8), st.integers(0, 40)), max_size=4)


def places(value: object) -> list[tuple[JsonObject | list, object]]:
    """Every item of a JSON value, as what holds it and its key."""
    if isinstance(value, dict):
        inside = [(value, key) for key in value]
    elif isinstance(value, list):
        inside = [(value, at) for at in range(len(value))]
    else:
        return []
    return [*inside, *(found for holder, key in inside for found in places(holder[key]))]


def edited(value, edits):
    """A copy of a JSON value of which some items are put, left out or added."""
    copied = json.loads(json.dumps(value))
    for where, how, odd in edits:
        known = places(copied)
        if not known:
            break
        holder, key = known[int(where * (len(known) - 1))]
        if how == "put":
            holder[key] = odd
        elif how == "drop":
            del holder[key]
        elif isinstance(holder, dict):
            holder[f"{key}s"] = odd
        else:
            holder.append(odd)
    return copied


def cut(data: bytes, cuts) -> bytes:
    """Bytes of which some are replaced by others, or by none."""
    for where, new, gone in cuts:
        at = int(where * len(data))
        data = data[:at] + new + data[at + gone :]
    return data


def dumped(value) -> bytes:
    return json.dumps(value).encode()


def finished(lines) -> bytes:
    """Chained as what it is, so that it is read beyond the chain; a journal holds no infinity."""
    whole = json.loads(json.dumps(lines), parse_constant=str)
    return journal.finished(line if isinstance(line, dict) else {"": line} for line in whole)


def is_fault_or_value(read) -> None:
    began = time.process_time()
    try:
        read()
    except HaqaError as error:
        assert len(str(error)) < 5000  # noqa: PT017 # the line is for people
    assert time.process_time() - began < SOON_S


class Files:
    """What is right, once for all examples, and a place for what is not."""

    def __init__(self, house: Path, folder: Path) -> None:
        self.project, self.folder = house, folder
        (self.run,) = (house / "runs/small").iterdir()
        self.suite = suite_of(self.run)
        self.cell = self.suite.cells[0]
        self.cassette = next((house / "cassettes").rglob("haqa-s0.jsonl"))
        self.table = next((house / "results/tables").rglob("*.parquet"))
        self.journal = next((self.run / "journal").rglob("random-s0.jsonl"))

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture(scope="module")
def files(house, tmp_path_factory):
    return Files(house, tmp_path_factory.mktemp("fuzz"))


def yaml_of(path: Path) -> JsonObject:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(path.read_text())


@fuzz
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_noise_as_yaml_and_json(files, data):
    is_fault_or_value(lambda: read_yaml(files.put("x.yaml", data), hardware.Hardware))
    is_fault_or_value(lambda: parse_json("x", data))


@fuzz
@given(EDITS, CUTS)
def test_suites(files, edits, cuts):
    whole = yaml_of(files.project / "suites/small.yaml")
    changed = [dumped(edited(whole, edits)), cut(SUITE.encode(), cuts)]
    (files.folder / "text.txt").write_text("words")

    for data in changed:
        path = files.put("suite.yaml", data)
        is_fault_or_value(lambda path=path: suite.load(path, files.project).lock)


@fuzz
@given(EDITS, CUTS)
def test_hardware_profiles(files, edits, cuts):
    path = REPOSITORY / "hardware/nvidia-a6000.yaml"

    for data in (dumped(edited(yaml_of(path), edits)), cut(path.read_bytes(), cuts)):
        files.put("mine.yaml", data)
        is_fault_or_value(lambda: hardware.load(files.folder, "mine"))


@fuzz
@given(EDITS, CUTS, st.sampled_from(["table2", "table1", "figure5"]))
def test_published_tables(files, edits, cuts, name):
    path = REPOSITORY / f"paper_tables/{name}.yaml"

    for data in (dumped(edited(yaml_of(path), edits)), cut(path.read_bytes(), cuts)):
        there = files.put("table.yaml", data)
        is_fault_or_value(lambda there=there: read_yaml(there, PublishedTable))


@fuzz
@given(EDITS, CUTS)
def test_cassettes(files, edits, cuts):
    lines = journal.read_finished(files.cassette)

    for data in (finished(edited(lines, edits)), cut(files.cassette.read_bytes(), cuts)):
        path = files.put("tape.jsonl", data)
        is_fault_or_value(lambda path=path: cassette.read(path))


@fuzz
@given(EDITS, CUTS)
def test_journals(files, edits, cuts):
    lines = journal.read_lines(files.journal)

    def read(path):
        found = journal.read_lines(path)
        database.check_head(path, found, {})
        return database._rows(path, found)

    for data in (finished(edited(lines, edits)), cut(files.journal.read_bytes(), cuts)):
        path = files.put("journal.jsonl", data)
        is_fault_or_value(lambda path=path: read(path))


@fuzz
@given(EDITS)
def test_confirmed_results(files, edits):
    default = {"n_threads": 2, "format": "Q4_1"}
    card = {
        "kind": "card",
        "format": 1,
        "cell": files.cell.id,
        "machine": "a machine",
        "workload": files.cell.workload.model_dump(mode="json"),
        "default": default,
    }
    pair = {"kind": "pair", "configuration": default, "pair": 0, "failed": "", "others": 0.0}
    pair |= {"default": 1.0, "tuned": 2.0, "samples": [[1.0], [2.0]]}

    path = files.put("pairs.jsonl", finished(edited([card, pair], edits)))
    is_fault_or_value(lambda: confirm.read(path, files.cell))


@fuzz
@given(EDITS)
def test_locks(files, edits):
    lock = json.loads((files.run / "lock.json").read_bytes())

    files.put("lock.json", dumped(edited(lock, edits)))
    is_fault_or_value(lambda: suite_of(files.folder).lock)


@fuzz
@given(EDITS, CUTS)
def test_response_tables(files, edits, cuts):
    made = pq.read_table(files.table)
    card = json.loads(made.schema.metadata[b"haqa_bench"])
    changed = made.replace_schema_metadata({"haqa_bench": json.dumps(edited(card, edits))})
    rows = [row | {"facts": json.loads(row["facts"])} for row in made.to_pylist()]

    path = files.folder / "table.parquet"
    pq.write_table(changed, path)
    is_fault_or_value(lambda: tables.check(tables.read(path), files.cell))
    files.put("table.parquet", cut(files.table.read_bytes(), cuts))
    is_fault_or_value(lambda: tables.check(tables.read(path), files.cell))
    try:
        tables.write(path, card, edited(rows, edits))
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError, HaqaError):
        return  # what Parquet cannot hold is not written
    is_fault_or_value(lambda: tables.check(tables.read(path), files.cell))


@fuzz
@given(EDITS, CUTS, st.sampled_from(["cache", "t4"]))
def test_kernel_tuner_s_files(files, edits, cuts, form):
    to = to_t4 if form == "t4" else to_cache
    whole = to(tables.read(files.table), files.cell)

    for data in (dumped(edited(whole, edits)), cut(dumped(whole), cuts)):
        path = files.put("cache.json", data)
        is_fault_or_value(lambda path=path: imported(path, files.cell, {}))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=4), v, max_size=4),
    max_leaves=20,
)


@fuzz
@given(JSON, st.text(max_size=30), CUTS)
def test_replies(value, words, cuts):
    whole = f"{words}```json\n{json.dumps({'thought': words, 'action': value})}\n```"
    damaged = cut(whole.encode("utf-8", "replace"), cuts).decode("utf-8", "replace")

    for text in (whole, damaged, words):
        is_fault_or_value(lambda text=text: read_reply(text))


@fuzz
@given(CUTS, st.sampled_from(["dynamic", "deploy", "hardware"]))
def test_templates(files, cuts, name):
    data = cut((REPOSITORY / f"prompts/{name}.j2").read_bytes(), cuts)
    files.put(f"{name}.j2", data)
    words = {"cell": files.cell, "trials": [], "hints": True, "metrics": {}}

    is_fault_or_value(lambda: Sandbox(files.folder).fill(f"{name}.j2", "", words))


# read(write(x)) == x


@fuzz
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5))
def test_a_journal_holds_what_was_appended(files, entries):
    path = files.folder / "grows.jsonl"
    path.unlink(missing_ok=True)
    wanted = [json.loads(json.dumps(entry), parse_constant=str) for entry in entries]
    writing = journal.Journal(path)
    for entry in wanted:
        writing.append(entry)

    read = journal.Journal(path).entries

    assert read == wanted


@fuzz
@given(st.floats(0, 1e300), st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_a_profile_holds_what_was_written(files, value, title, notes):
    known = hardware.load(REPOSITORY / "hardware", "nvidia-a6000")
    memory = known.memory.model_copy(update={"value": value})
    made = known.model_copy(update={"title": title, "notes": notes, "memory": memory})
    files.put("mine.yaml", hardware.to_yaml(made).encode())

    assert hardware.load(files.folder, "mine") == made


@fuzz
@given(st.text(max_size=20), st.integers(0, 2**31))
def test_a_lock_holds_what_was_written(files, title, seed):
    made = files.suite.model_copy(update={"title": title, "seeds": (seed,)})
    write_lock(files.folder, made)

    assert suite_of(files.folder) == made
    assert suite_of(files.folder).lock == made.lock


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """A project whose table is written anew: what tests share, they only read."""
    return small_project(tmp_path_factory.mktemp("rewritten"))


@fuzz
@given(st.floats(1e-3, 1e6))
def test_a_table_holds_what_was_written(rewritten, scale):
    first = tables.read(write_table(rewritten, scale))

    again = tables.read(write_table(rewritten, scale))

    assert again == first
    values = [m.samples for entry in first.entries.values() for m in entry.measurements]
    assert (scale * 100.0, scale * 100.0 * 0.9) in [samples[:2] for samples in values]
