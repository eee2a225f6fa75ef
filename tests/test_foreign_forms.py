"""Whatever a table holds, both forms say it again after reading; whatever a file holds, reading it
ends in a table or in one line.
"""

import contextlib
import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import foreign
import pytest
from foreign import CELL, cache, t4
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haqa_bench.errors import HaqaError
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.kernel_tuner.as_suite import metric_of, of_tuner
from haqa_bench.store.kernel_tuner.exported import to_cache, to_t4
from haqa_bench.store.kernel_tuner.imported import imported, read
from haqa_bench.tracks.replayed import TableEvaluator

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
POSITIVE = st.floats(1e-6, 1e6)
KNOWN_TO = {
    to_cache: ["compile_error", "refused", "crashed"],
    to_t4: ["compile_error", "refused", "crashed", "timeout", "wrong_output"],
}
"""The failures that each form can say; it calls any other a crash."""
SIZES = [("time", "us"), ("kernel_ms", "ms"), ("energy", "J"), ("rate", "tokens/s"), ("d", "nats")]


@st.composite
def measured(draw, cell, statuses):
    """What a sweep of the cell may have found."""
    rows = []
    for n, configuration in enumerate(cell.space.grid()):
        status = "ok" if n == 0 else draw(st.sampled_from(["ok", *statuses]))
        samples = draw(st.lists(POSITIVE, min_size=1, max_size=6))
        other = draw(st.floats(-1e15, 1e15))
        goal = {"name": cell.objective.metric, "unit": cell.objective.unit, "samples": samples}
        readings = [goal, {"name": "power", "unit": "W", "samples": [other]}]
        taken = {"name": "process_s", "unit": "s", "samples": [draw(st.integers(1, 999))]}
        rows.append(
            {
                "configuration": key_of(configuration),
                "pass": 0,
                "status": status,
                "reason": "",
                "readings": [*(readings if status == "ok" else []), taken],
                "facts": {},
            }
        )
    return rows


def as_table(folder, rows):
    tables.write(folder / "table.parquet", {}, rows)
    return tables.read(folder / "table.parquet")


@pytest.mark.parametrize("form", [to_cache, to_t4])
@pytest.mark.parametrize("metric", SIZES)
@given(data=st.data())
@settings(QUICK, max_examples=20)
def test_what_was_written_and_read_is_written_the_same(form, metric, data):
    cell = foreign.cell(*metric)
    rows = data.draw(measured(cell, KNOWN_TO[form]))
    with tempfile.TemporaryDirectory() as name:
        written = form(as_table(Path(name), rows), cell)

        done = imported(foreign.written(Path(name), written), cell, {})
        again = form(as_table(Path(name), done.rows), cell)

    assert again == written
    assert done.alone == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
ODD = JSON | st.sampled_from(
    [10**400, 1e20, -1e300, "NaN", "RuntimeFailedConfig", "ms", "correct", [[]], {"a": None}]
)


def places(found: object) -> Iterator[tuple[object, object]]:
    """Every container in a JSON value, and each of its keys."""
    keys = found.keys() if isinstance(found, dict) else range(len(found))
    for key in keys:
        yield found, key
        if isinstance(found[key], dict | list):
            yield from places(found[key])


def read_or_refused(text: str) -> None:
    cell = foreign.cell()
    with tempfile.TemporaryDirectory() as name:
        try:
            done = imported(foreign.written(Path(name), text), cell, {})
        except HaqaError as refused:
            told = str(refused)
        else:
            told = "read"
            if len({row["configuration"] for row in done.rows}) == cell.space.size:
                TableEvaluator(as_table(Path(name), done.rows), cell)
    assert "\n" not in told
    with tempfile.TemporaryDirectory() as name, contextlib.suppress(HaqaError):
        path = foreign.written(Path(name), text)
        file = read(path)
        of_tuner(path, file, [metric_of(path, file)], {}, None)


@pytest.mark.parametrize("whole", [cache(), t4()])
@given(data=st.data())
@settings(QUICK, max_examples=80)
def test_a_file_with_anything_in_any_place_is_read_or_refused(whole, data):
    changed = copy.deepcopy(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(places(changed))))
        holder[key] = copy.deepcopy(data.draw(ODD))

    read_or_refused(json.dumps(changed))


@given(JSON)
@QUICK
def test_any_json_is_refused_or_read(found):
    read_or_refused(json.dumps(found))


@given(st.text(max_size=40))
@QUICK
def test_any_text_in_the_place_of_an_end_is_refused_or_read(end):
    whole = json.dumps(cache())
    read_or_refused(whole[: -len(end) or None] + end)


@given(st.integers(0, 3000))
@QUICK
def test_a_cache_that_is_cut_anywhere_is_refused_or_read(length):
    read_or_refused(json.dumps(cache())[:length])


def test_a_suite_is_written_for_a_file_and_takes_it_in(project, cli):
    found = cache()
    del found["cache"]["64,2"], found["cache"]["128,2"]
    file = foreign.written(project, found, "theirs.json")
    command = ("table", "import", file, "--hardware", "nvidia-a6000", "--project", project)

    made = cli(*command)
    ran = cli("run", "theirs", "--methods", "random,local", "--seeds", "1", "--project", project)
    again = cli(*command)

    assert made.returncode == ran.returncode == 0, made.stderr + ran.stderr
    assert "time, ms: the file's time in ms, times 1" in made.stdout
    assert "  time: default 0.9, best 0.4 ms" in made.stdout
    assert "4 configurations of 6 combinations, 0 failed" in made.stdout
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_file_with_holes_says_how_many_and_what_to_do(project, cli):
    found = cache()
    del found["cache"]["64,2"]
    path, file = foreign.write_suite(project), foreign.written(project, found)

    done = cli("table", "import", path, file, "--cell", CELL)

    assert done.returncode == 2
    assert '1 of 6 configurations are missing, first {"block_size_x":64,"tile":2}' in done.stderr
    assert "`configurations: recorded`" in done.stderr


def test_what_a_file_does_not_say_is_asked_for(project, cli):
    found = cache() | {"objective": "energy"}
    file = foreign.written(project, found)
    command = ("table", "import", file, "--project", project)

    unsaid = cli(*command)
    missing = cli(*command, "--metrics", "energy:J:min")

    assert unsaid.returncode == missing.returncode == 2
    assert "does not say the unit of energy. Say it with --metrics" in unsaid.stderr
    assert "no configuration has the metric energy" in missing.stderr
