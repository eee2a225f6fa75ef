"""`import haqa_bench as hb` is light, and finds suites, cells and response tables."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from python_cells import CELL, WITHOUT_AGENT, small_suite
from support import REPOSITORY, small_project

import haqa_bench as hb
from haqa_bench.space import key_of
from haqa_bench.store import tables


@pytest.fixture
def small(tmp_path):
    return small_suite(tmp_path)


@pytest.fixture
def cell(small):
    return hb.cell(small)


@pytest.fixture(scope="module")
def llama():
    return hb.load_suite("llama", REPOSITORY)


def in_a_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_loads_nothing_but_itself():
    heavy = [
        "numpy",
        "pandas",
        "pydantic",
        "click",
        "duckdb",
        "optuna",
        "pyarrow",
        "scipy",
        "torch",
        "matplotlib",
    ]
    found = in_a_process(
        "import sys, haqa_bench as hb\n"
        f"print([m for m in {heavy} if m in sys.modules], "
        "[m for m in sys.modules if m.startswith('haqa_bench.')])"
    )

    assert found == "[] []\n"


def test_studies_and_frames_load_nothing_that_only_workers_and_figures_need():
    found = in_a_process(
        "import sys, haqa_bench as hb\n"
        "cell = hb.cell('llama', '*int4*core')\n"
        "hb.run_study('random', cell)\n"
        "cell.table.to_frame()\n"
        "print([m for m in ('torch', 'llama_cpp', 'matplotlib') if m in sys.modules])"
    )

    assert found == "[]\n"


def test_every_name_is_there_is_listed_and_says_what_it_is():
    assert set(hb.__all__) <= set(dir(hb))
    for name in hb.__all__:
        assert getattr(hb, name) is getattr(hb, name)
        assert getattr(hb, name).__doc__, name


def test_a_name_that_there_is_not_is_an_attribute_error_as_everywhere():
    with pytest.raises(AttributeError, match="has no attribute 'cels'"):
        hb.cels  # noqa: B018
    assert not hasattr(hb, "cels")


def test_the_module_of_cells_does_not_hide_the_function():
    found = in_a_process(
        "import haqa_bench.cell, haqa_bench as hb\n"
        "from haqa_bench.cell import Cell\n"
        "print(callable(hb.cell), Cell.__module__)"
    )

    assert found == "True haqa_bench.cell\n"


def test_a_suite_says_what_is_in_it(small):
    assert small.name == "small"
    assert small.methods == ["default", "random"]
    assert small.seeds == (0, 1)
    assert [cell.id for cell in small.cells] == [CELL]
    assert repr(small) == "<Suite small: 1 cells, 2 methods>"


@pytest.mark.parametrize("name", ["lama", "nowhere/x.yaml"])
def test_a_suite_that_there_is_not_is_told_with_the_nearest(name):
    with pytest.raises(hb.HaqaError, match="no such file, nor a suite"):
        hb.load_suite(name, REPOSITORY)


def test_a_pattern_that_matches_several_cells_or_none_lists_them(llama):
    with pytest.raises(hb.HaqaError, match=r"matches 2 cells.*core, .*-qlora"):
        hb.cell(llama, "*int4*")
    with pytest.raises(hb.HaqaError, match=r"'\*int3\*' matches nothing\. Known: smollm2"):
        hb.cells(llama, "*int3*")
    assert hb.cell(llama, "*int4*core").id == "smollm2-135m-int4-epyc-zen4-2core"
    assert len(hb.cells(llama, "*int4*")) == 2
    found = hb.cell("llama", "*int4*core", REPOSITORY)
    assert (found.track, found.model, found.bit_width) == ("deploy", "SmolLM2-135M", "INT4")
    assert (found.hardware, found.budget.proposals) == ("epyc-zen4-2core", 11)
    assert repr(found) == f"<Cell {found.id}: deploy, 240 configurations>"


def test_an_id_matches_itself_even_where_a_longer_one_begins_so(llama):
    assert hb.cell(llama, "smollm2-135m-int4-epyc-zen4-2core").track == "deploy"


def test_a_table_is_a_frame_of_estimates_with_units_status_and_source(cell):
    frame = cell.table.to_frame().set_index(["format", "n_threads"])

    assert len(frame) == len(cell.table) == 6
    best = frame.loc["IQ4_NL", 2]
    assert best["end_to_end_tokens_per_s"] == cell.table.optimum
    assert (best["rank"], best["source"], best["n"]) == (1, "replayed", 4)
    assert frame.attrs["units"]["end_to_end_tokens_per_s"] == "tokens/s"
    failed = frame.loc["IQ4_NL", 1]
    assert (failed["status"], failed["reason"], failed["feasible"]) == (
        "crashed",
        "exit code 1",
        False,
    )
    assert np.isnan(failed["end_to_end_tokens_per_s"])
    assert not frame.loc["Q4_0", 2]["feasible"]  # breaks the constraint
    assert pd.isna(frame.loc["Q4_0", 2]["rank"])
    assert frame.index.get_level_values("n_threads").dtype == "Int64"


def test_a_table_s_raw_readings_are_a_frame_of_their_own(cell):
    frame = cell.table.to_frame(samples=True)

    speeds = frame[(frame.metric == "end_to_end_tokens_per_s") & (frame.format == "Q4_1")]
    assert list(speeds[speeds.n_threads == 2]["value"]) == [60.0, 54.0, 60.0, 54.0]
    assert list(speeds[speeds.n_threads == 2]["sample"]) == [0, 1, 2, 3]
    assert set(frame.unit) == {"tokens/s", "1"}


def test_a_cell_without_a_table_says_how_to_get_one(tmp_path):
    folder = small_project(tmp_path, WITHOUT_AGENT)
    cell = hb.cell(folder / "suites/small.yaml")
    cell.project.table(cell.resolved).unlink()

    for ask in (lambda: cell.table, lambda: hb.run_study("random", cell)):
        with pytest.raises(hb.HaqaError, match=r"no response table yet\. Measure it with"):
            ask()


@pytest.mark.parametrize("suite", ["memory", "joint", "kernels"])
def test_the_tables_of_every_track_are_frames(suite):
    frame = hb.cells(suite, project=REPOSITORY)[0].table.to_frame()

    assert len(frame)
    assert set(frame.source.dropna()) <= {"replayed", "simulated"}


ODD = """\
name: odd
models: {Server: {architecture: an inference server, parameters: 0}}
methods: [{name: default, optimizer: default}, {name: random, optimizer: random}]
seeds: [0]
cells:
  - track: table
    models: [Server]
    bit_widths: [INT8]
    hardware: [epyc-zen4-2core]
    workload: {about: odd names, metrics: {value: {unit: ms, direction: minimize, about: odd}}}
    space:
      status: {choices: [1, 2.5, "off"], default: 1}
      seed: {choices: [true, false], default: true}
      plain: {choices: [0.5, 1.5], default: 0.5}
    objective: {metric: value}
    budget: {proposals: 12}
"""


def test_parameters_and_metrics_called_as_columns_of_ours_hide_nothing(project):
    path = project / "suites/odd.yaml"
    path.write_text(ODD)
    cell = hb.cell(path)
    rows = [
        {
            "configuration": key_of(configuration),
            "pass": 0,
            "status": "ok",
            "reason": "",
            "readings": [{"name": "value", "unit": "ms", "samples": [float(number + 1)]}],
            "facts": {},
        }
        for number, configuration in enumerate(cell.space.grid())
    ]
    card = {"cell": cell.id, "workload": cell.resolved.workload.model_dump(mode="json")}
    tables.write(cell.project.table(cell.resolved), card, rows)

    table = cell.table.to_frame()
    trials = hb.optimize(cell, "random", seeds=6)

    assert set(table.status) == {"ok"}
    assert set(table["configuration.status"]) == {1, 2.5, "off"}
    assert {type(value) for value in table["configuration.status"]} == {int, float, str}
    assert trials["configuration.seed"].dtype == "boolean"
    assert set(trials.seed) == set(range(6))
    assert list(trials["metric.value"]) == list(trials.value)
    assert trials.attrs["units"] == {"metric.value": "ms"}
    assert table.plain.dtype == "float64"
    assert hb.compare(trials, cells=[cell]).loc[0, "median"] == 1.0


def test_frames_can_be_stored(cell, tmp_path):
    trials = hb.optimize(cell, "random", seeds=2)
    frames = (
        cell.table.to_frame(),
        cell.table.to_frame(samples=True),
        trials,
        hb.compare(trials, cells=[cell]),
    )
    for frame in frames:
        frame.to_parquet(tmp_path / "frame.parquet")
        again = pd.read_parquet(tmp_path / "frame.parquet")
        assert list(again.columns) == list(frame.columns)
        assert again.attrs == frame.attrs


def test_a_run_that_there_is_not_is_told():
    with pytest.raises(hb.HaqaError, match="no run of that name"):
        hb.open_run("llama", REPOSITORY)
