"""Studies in Python are those of the command line, whatever proposes."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from python_cells import CELL, small_suite
from support import REPOSITORY

import haqa_bench as hb
from haqa_bench.errors import PluginFailed
from haqa_bench.store import failures


@pytest.fixture
def small(tmp_path):
    return small_suite(tmp_path)


@pytest.fixture
def cell(small):
    return hb.cell(small)


@pytest.fixture(scope="module")
def llama():
    return hb.load_suite("llama", REPOSITORY)


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


def test_a_name_a_class_an_object_and_functions_all_propose(cell):
    best = {"format": "IQ4_NL", "n_threads": 2}

    class Best:
        def __init__(self, study, answer=None):
            self.answer = answer or study.cell.space.default

        def ask(self, history):
            return hb.Proposal(self.answer)

    def with_study(history, study):
        return best if study.seed == 3 else None

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

    with pytest.raises(PluginFailed, match=r"'Mine', round 1: TypeError: it gave a float"):
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
    for wrong in (0, -1, [], [1, 1], [-1], [1.5], ["1"], 2.0, "3"):
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


def test_a_run_s_trials_are_without_studies_that_failed_and_a_damaged_journal_is_told(small, cli):
    done = cli("run", "small", "--project", small.project.folder, "--json")
    run = hb.open_run(json.loads(done.stdout)["folder"])
    assert run.trials().groupby("method")["seed"].nunique().to_dict() == {"default": 2, "random": 2}
    assert [cell.id for cell in run.cells] == [CELL]
    assert repr(run) == f"<Run small/{run.folder.name}: 1 cells>"

    failures.write(run.folder, {f"small/{CELL}/random/seed1": failures.Failure(what="it failed")})
    assert run.trials().groupby("method")["seed"].nunique().to_dict() == {"default": 2, "random": 1}

    journal = run.folder / "journal" / CELL / "default-s0.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"Q4_1", b"Q4_0"))
    with pytest.raises(hb.HaqaError, match=r"default-s0.jsonl:\d: damaged line"):
        run.trials()
