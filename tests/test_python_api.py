"""`import haqa_bench as hb`: what Python gets is what the command line prints, and is light."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from support import REPOSITORY, SUITE, small_project

import haqa_bench as hb
from haqa_bench.errors import PluginFailed
from haqa_bench.space import key_of
from haqa_bench.store import tables

CELL = "net-int4-epyc-zen4-2core"
WITHOUT_AGENT = SUITE[: SUITE.index("  - name: haqa")] + SUITE[SUITE.index("seeds:") :]


@pytest.fixture
def small(tmp_path) -> hb.Suite:
    """The small suite, without its agent."""
    folder = small_project(tmp_path, WITHOUT_AGENT)
    return hb.load_suite(folder / "suites/small.yaml")


@pytest.fixture
def cell(small) -> hb.Cell:
    return hb.cell(small)


@pytest.fixture(scope="module")
def llama() -> hb.Suite:
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


def test_what_python_runs_is_what_the_command_line_runs(small, cell, cli, monkeypatch):
    done = cli("run", "small", "--project", small.project.folder, "--seeds", "7", "--json")
    assert done.returncode == 0, done.stderr
    run = hb.open_run(json.loads(done.stdout)["folder"])

    mine = pd.concat([hb.optimize(cell, name, seeds=7) for name in ("default", "random")])

    pd.testing.assert_frame_equal(
        run.trials().sort_values(["method", "seed", "number"], ignore_index=True),
        mine.sort_values(["method", "seed", "number"], ignore_index=True),
        check_exact=True,
    )


def compared_by_command(cli, run, project, *options) -> list[dict]:
    done = cli("compare", run, "--project", project, "--format", "json", "--wide", *options)
    assert done.returncode == 0, done.stderr
    tables = {table["name"]: table for table in json.loads(done.stdout)}
    return [row["values"] for row in tables["comparison"]["rows"]]


def same(one: float, other: float | None, scale: float = 1) -> bool:
    return pd.isna(one) if other is None else one * scale == other


def agrees(row: dict, told: dict) -> bool:
    """Whether a row of a frame holds the numbers of the command's JSON, to the last bit."""
    number = {name: value["number"] for name, value in told.items()}
    regret, interval = told["Regret"], told["95 % interval"]
    word = {None: "", "undecided": "ahead in"}.get(row["verdict"], row["verdict"])
    return (
        (row["cell"], row["method"]) == (told["Cell"]["text"], told["Method"]["text"])
        and row["n"] == number["n"]
        and same(row["median"], number["Median"])
        and told["Against random"]["text"].startswith(word)
        and same(row["regret"], regret["number"], 100)
        and same(row["regret_low"], regret["low"], 100)
        and same(row["regret_high"], regret["high"], 100)
        and same(row["rank"], number["Rank"])
        and same(row["found_best"], number["Found best"])
        and (same(row["low"], interval["low"]) and same(row["high"], interval["high"]))
        and same(row["iqm"], number["IQM"])
        and same(row["p_better"], number["P(better than random)"])
        and same(row["p"], number["p (Holm)"])
    )


def rows_of(frame: pd.DataFrame) -> list[dict]:
    """Rows whose words are None where there are none."""
    plain = frame.astype(object)
    return plain.where(plain.notna(), None).to_dict("records")


def test_what_python_compares_is_what_the_command_line_prints_to_the_last_bit(llama, cli, own_runs):
    chosen = ("--cells", "*core", "--methods", "random,local,haqa", "--seeds", "6")
    done = cli("run", "llama", "--project", REPOSITORY, *chosen, "--json")
    assert done.returncode == 0, done.stderr
    folder = json.loads(done.stdout)["folder"]
    told = compared_by_command(cli, folder, REPOSITORY)

    cells = hb.cells(llama, "*core")
    methods = ("random", "local", "haqa")
    here = hb.compare(
        *(hb.optimize(cell, name, seeds=6) for cell in cells for name in methods),
        project=REPOSITORY,
    )
    of_run = hb.compare(folder, project=REPOSITORY)

    assert len(told) == len(here) == 6
    assert all(map(agrees, rows_of(here), told))
    pd.testing.assert_frame_equal(here, of_run, check_exact=True)
    assert here.attrs["notes"] == of_run.attrs["notes"]
    assert any("Not ranked" in note for note in here.attrs["notes"])


def test_a_comparison_survives_a_file_and_another_order(cell, tmp_path):
    frames = [hb.optimize(cell, name, seeds=6) for name in ("default", "random")]
    together = pd.concat(frames).sample(frac=1, random_state=0)
    together.to_parquet(tmp_path / "trials.parquet")

    project = cell.project.folder
    direct = hb.compare(*frames, project=project)
    read = hb.compare(pd.read_parquet(tmp_path / "trials.parquet"), project=project)

    pd.testing.assert_frame_equal(direct, read, check_exact=True)


def test_a_run_is_compared_with_what_python_adds(small, cell, cli):
    done = cli("run", "small", "--project", small.project.folder, "--seeds", "6", "--json")
    run = hb.open_run(json.loads(done.stdout)["folder"])
    best = {"format": "IQ4_NL", "n_threads": 2}

    found = hb.compare(run, hb.optimize(cell, lambda history: best, seeds=6, name="mine"))

    mine = found.set_index("method").loc["mine"]
    assert (mine["median"], mine["found_best"], mine["pairs"]) == (cell.table.optimum, 6, 6)


def test_cells_of_one_name_in_two_suites_are_told_apart(small, cell, tmp_path):
    path = tmp_path / "suites/small.yaml"
    other = tmp_path / "suites/other.yaml"
    other.write_text(path.read_text().replace("name: small", "name: other"))
    both = [cell, hb.cell(other)]

    found = hb.compare(*(hb.optimize(c, "random", seeds=3) for c in both), cells=both)

    assert list(found.cell) == [f"other/{CELL}", f"small/{CELL}"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((), "nothing to compare"),
        ((pd.DataFrame({"a": [1]}),), "without the column 'suite'"),
        ((3,), "a int is no run, study or frame"),
        (("nowhere",), "no run of that name"),
    ],
)
def test_what_cannot_be_compared_is_told(wrong, told):
    with pytest.raises(hb.HaqaError, match=told):
        hb.compare(*wrong, project=REPOSITORY)


def test_a_frame_that_was_spoilt_is_told_by_column_and_row(cell):
    frame = hb.optimize(cell, "random", seeds=2)
    frame["feasible"] = frame["feasible"].astype(object)
    frame.loc[3, "feasible"] = "perhaps"

    with pytest.raises(hb.HaqaError, match="feasible of row 3: Input should be a valid boolean"):
        hb.compare(frame, cells=[cell])


def test_a_study_that_is_given_twice_is_told(cell):
    frame = hb.optimize(cell, "random", seeds=2)

    with pytest.raises(hb.HaqaError, match="random/0 is given twice"):
        hb.compare(frame, frame, cells=[cell])
    with pytest.raises(hb.HaqaError, match="random/0 is given twice"):
        hb.compare(pd.concat([frame, frame]), cells=[cell])


def test_what_nothing_is_compared_with_and_cells_that_are_not_here_are_told(cell, llama):
    frame = hb.optimize(cell, "default", seeds=2)

    with pytest.raises(hb.HaqaError, match=r"no study of 'random'.*default"):
        hb.compare(frame, cells=[cell])
    with pytest.raises(hb.HaqaError, match=r"the suite of small/net.*cells="):
        hb.compare(frame, against="default", project=REPOSITORY)


def test_a_name_a_class_an_object_and_functions_all_propose(cell):
    best = {"format": "IQ4_NL", "n_threads": 2}

    class Best:
        def __init__(self, study, answer=None):
            self.answer = answer or study.cell.space.default

        def ask(self, history):
            return hb.Proposal(self.answer)

    def with_study(history, study):
        return best if study.seed == 3 else None

    from functools import partial

    study = hb.run_study("random", cell).study
    assert hb.run_study(Best, cell).value == 60.0
    assert hb.run_study(partial(Best, answer=best), cell).value == 80.0
    assert hb.run_study(Best(study, best), cell).best.configuration == best
    assert hb.run_study(lambda history: best, cell).best.number == 1
    assert len(hb.run_study(with_study, cell, 3)) == 5
    assert len(hb.run_study(with_study, cell, 2)) == 1
    assert hb.run_study(with_study, cell, 3).study.method.name == "with_study"
    assert hb.run_study(with_study, cell, 3, name="mine").study.id.endswith("/mine/seed3")


def test_a_study_says_what_it_found(cell):
    found = hb.run_study(lambda history: {"format": "Q4_0", "n_threads": 2}, cell, name="fast")

    assert [trial.number for trial in found] == [0, 1, 2, 3, 4]
    assert found.best.number == 0  # the others break the constraint
    frame = found.to_frame()
    assert list(frame.feasible) == [True, False, False, False, False]
    assert list(frame.repeat_of.fillna(-1)) == [-1, -1, 1, 1, 1]
    assert list(frame.best) == [cell.table.default] * 5
    assert repr(found) == f"<Studied small/{CELL}/fast/seed0: 5 trials, best {found.value:g}>"


def test_an_invalid_proposal_is_a_row_without_values_and_integers_stay_integers(cell):
    answers = iter(
        [{"format": "Q9", "n_threads": 2}, {"format": "IQ4_NL", "n_threads": np.int64(2)}]
    )

    frame = hb.run_study(lambda history: next(answers, None), cell).to_frame()

    assert list(frame.status) == ["ok", "invalid", "ok"]
    assert "is none of" in frame.reason[1]
    assert pd.isna(frame.configuration[1])
    assert pd.isna(frame.n_threads[1])
    assert frame.n_threads.dtype == "Int64"
    assert np.isnan(frame.value[1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("rndom", "unknown optimizer 'rndom'"),
        ("haqa", "needs a chat: section"),
        (42, "42 proposes nothing"),
        (dict, "the class dict has no ask"),
        (lambda: None, "takes 0 arguments"),
        (lambda a, b, c: None, "takes 3 arguments"),
        (None, "None proposes nothing"),
    ],
)
def test_what_proposes_nothing_is_told(cell, given, told):
    with pytest.raises(hb.HaqaError, match=told):
        hb.run_study(given, cell)


def test_an_optimizer_that_raises_is_one_line_with_its_own_fault_behind_it(cell):
    class Mine:
        def __init__(self, study):
            if study.seed == 1:
                raise KeyError("at the start")

        def ask(self, history):
            return 1 / (len(history) - 2)

    with pytest.raises(PluginFailed, match=r"'Mine'.*, round 1: TypeError: it gave a float"):
        hb.run_study(Mine, cell)
    with pytest.raises(PluginFailed, match="as it was made: KeyError: 'at the start'") as failure:
        hb.run_study(Mine, cell, 1)
    assert isinstance(failure.value.__cause__, KeyError)


def test_what_an_optimizer_changes_is_its_own(cell):
    class Spoiler:
        def __init__(self, study):
            self.space = study.cell.space
            self.space.root.pop("format")

        def ask(self, history):
            return None

    hb.run_study(Spoiler, cell)

    assert list(cell.space.root) == ["n_threads", "format"]


def test_options_change_a_method_s_settings_and_wrong_ones_are_told(cell):
    with pytest.raises(hb.HaqaError, match="unknown option 'redraw'"):
        hb.run_study("tpe", cell, options={"redraw": 3})
    assert len(hb.run_study("tpe", cell, options={"redraws": 3})) == 5


def test_seeds_are_how_many_or_which(small, cell):
    assert set(hb.optimize(cell, "random", seeds=3).seed) == {0, 1, 2}
    assert set(hb.optimize(cell, "random", seeds=[7, 5]).seed) == {5, 7}
    assert set(hb.optimize(cell, "random", seeds=np.arange(2)).seed) == {0, 1}
    assert set(hb.optimize(cell, "random", seeds=np.int64(2)).seed) == {0, 1}
    for wrong in (0, -1, [], [1, 1], [-1], [1.5], ["1"], 2.0, "3", None):
        with pytest.raises(hb.HaqaError, match="seeds"):
            hb.optimize(cell, "random", seeds=wrong)


def test_an_object_has_one_seed(cell):
    made = hb.run_study("random", cell)

    class Mine:
        def ask(self, history):
            return None

    with pytest.raises(hb.HaqaError, match=r"an object has one study's seed.*Give its class"):
        hb.optimize(cell, Mine(), seeds=2)
    assert len(hb.optimize(cell, Mine(), seeds=[3])) == 1
    assert made


def test_a_recorded_agent_is_replayed_and_has_the_seeds_that_were_recorded(llama):
    cell = hb.cell(llama, "*int4*core")

    frame = hb.optimize(cell, "haqa", seeds=30)

    assert set(frame.seed) == {0, 1, 2}
    assert frame.answered_by.iloc[0]
    assert frame.thought.str.len().max() > 0
    with pytest.raises(
        hb.HaqaError, match="no such cassette; recorded seeds of haqa here: 0, 1, 2"
    ):
        hb.optimize(cell, "haqa", seeds=[3])


def test_a_method_of_other_cells_is_told(llama):
    with pytest.raises(hb.HaqaError, match=r"does not run on smollm2-135m-int4.*-qlora"):
        hb.run_study("haqa-qwen2.5-coder-1.5b", hb.cell(llama, "*int4*qlora"))


def test_a_study_costs_no_folder(cell):
    before = set(cell.project.folder.rglob("*"))

    hb.compare(hb.optimize(cell, "random", seeds=2), cells=[cell])

    assert set(cell.project.folder.rglob("*")) == before


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
