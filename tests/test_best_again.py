"""`tabulate --best`: the best of a table are measured again until its optimum is known."""

import json
from collections import Counter

import numpy as np
import pytest
from support import REPOSITORY, SUITE

from haqa_bench import suite
from haqa_bench.arithmetic.estimate import interval, interval_of_passes
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.protocols import Outcome
from haqa_bench.run import best
from haqa_bench.run import sweep as tabulate
from haqa_bench.run.best import MOST, Wanted
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.tracks.deploy.track import DEPLOY
from haqa_bench.trial import Measurement, Source

TWO = SUITE.replace("[INT4]", "[INT4, INT8]")
HALF = Wanted(50, 2, passes=2, seed=0)
FIRST = HALF.first


def measurement(name, unit, *samples):
    return Measurement(
        name=name, value=1.0, unit=unit, source=Source.MEASURED, samples=samples, used=1
    )


class Noisy:
    """Ten tokens/s for each letter of a format's name and each thread; `noise` is what a pass may
    add, as a share. IQ4_NL fails.
    """

    def __init__(self, cell, noise=0.0, others=0.0):
        self.cell, self.noise, self.others = cell, noise, others
        self.made_of, self.calls = {}, []

    def sample(self, configuration, repeat):
        key = key_of(configuration)
        self.calls.append((key, repeat))
        if configuration["format"] == "IQ4_NL":
            raise EvaluationFailed(Status.CRASHED, "exit code 1")
        drawn = np.random.default_rng([repeat, len(key), configuration["n_threads"]]).random()
        speed = self.speed(configuration) * (1 + self.noise * drawn)
        readings = (
            measurement("end_to_end_tokens_per_s", "tokens/s", speed, speed * 0.999),
            measurement("perplexity", "1", 20.0),
            measurement("others_share", "1", self.others, self.others),
        )
        return Outcome(readings, {}, 0.1)

    def speed(self, configuration):
        return 10.0 * (len(configuration["format"]) + configuration["n_threads"])


@pytest.fixture
def cells(project):
    (project / "suites/small.yaml").write_text(TWO)
    return suite.load(project / "suites/small.yaml", project).cells


@pytest.fixture
def swept(cells, tmp_path):
    def sweep_all(**how):
        sweeps = [
            tabulate.open_sweep(cell, tmp_path / f"{cell.id}.parquet", Noisy(cell, **how))
            for cell in cells
        ]
        tabulate.measure(sweeps, HALF.passes, HALF.seed, lambda: None)
        for one in sweeps:
            one.evaluator.calls.clear()
        return sweeps

    return sweep_all


def again(sweeps, wanted=HALF):
    told = []
    found = best.again(sweeps, wanted, lambda said, total: told.append((said, total)), list)
    return found, told


def test_a_table_without_noise_gets_as_many_passes_as_an_interval_needs(swept):
    sweeps = swept()

    found, told = again(sweeps)

    assert [(one.passes, one.configurations, one.enough) for one in found] == [(2, 2, True)] * 2
    assert [total for _, total in told] == [2] * 4
    assert told[0][0] == f"the best again, pass 1 of at most {MOST}: {sweeps[0].cell.id}"
    assert [cell for said, _ in told for cell in [said.split(": ")[1]]] == 2 * [
        one.cell.id for one in sweeps
    ]


def test_the_best_half_of_what_counts_is_measured_again_and_nothing_else(swept):
    one = swept()[0]

    again([one])

    counts = [c for c in one.cell.space.grid() if c["format"] != "IQ4_NL"]
    quick = sorted(counts, key=one.evaluator.speed, reverse=True)[:2]
    assert {key for key, _ in one.evaluator.calls} == {key_of(c) for c in quick}
    assert Counter(repeat for _, repeat in one.evaluator.calls) == {FIRST: 2, FIRST + 1: 2}


def test_noise_is_measured_until_the_interval_is_as_narrow_as_asked_for(swept):
    wide, narrow = (again([swept(noise=0.06)[0]], HALF._replace(within=w))[0][0] for w in (3, 1))

    assert wide.enough
    assert wide.passes < narrow.passes or not narrow.enough
    assert max(wide.high - wide.value, wide.value - wide.low) <= 0.03 * wide.value


def test_there_is_an_end_to_noise_that_has_none(swept):
    (found,), _ = again([swept(noise=2.0)[0]])

    assert (found.passes, found.enough) == (MOST, False)
    assert "not within 2 %" in found.words()


def test_passes_that_others_disturbed_do_not_count(swept):
    one = swept(others=0.5)[0]
    one.evaluator.others = 0.0

    (found,), _ = again([one])

    assert found.passes == 4  # undisturbed ones
    assert again([swept(others=0.5)[1]])[0][0].passes == MOST


def test_a_cell_of_which_nothing_counts_is_left_alone(cells, tmp_path):
    class Failing(Noisy):
        def sample(self, configuration, repeat):
            raise EvaluationFailed(Status.CRASHED, "exit code 1")

    one = tabulate.open_sweep(cells[0], tmp_path / "none.parquet", Failing(cells[0]))
    tabulate.measure([one], 1, 0, lambda: None)

    assert again([one]) == ([], [])


def test_what_was_cut_goes_on_where_it_was_and_ends_the_same(cells, swept, tmp_path):
    whole, _ = again([swept(noise=0.06)[0]], HALF._replace(within=1))
    (tmp_path / f"{cells[0].id}.jsonl.partial").unlink()
    one, taken = swept(noise=0.06)[0], []

    def cut():
        taken.append(1)
        if len(taken) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        best.again([one], HALF._replace(within=1), lambda *_: None, cut)
    resumed = swept(noise=0.06)[0]
    found, told = again([resumed], HALF._replace(within=1))

    assert found == whole
    assert told[0][1:] == (0,)  # the first pass is whole, and one of the second is there
    assert told[1][1:] == (1,)
    assert max(Counter((r["configuration"], r["pass"]) for r in resumed.rows).values()) == 1


def test_one_that_comes_among_the_best_is_measured_from_then_on(swept):
    one = swept()[0]
    slow = min(
        (c for c in one.cell.space.grid() if c["format"] != "IQ4_NL"), key=one.evaluator.speed
    )
    leader = best._standing(one, FIRST).keys[0]
    speed = one.evaluator.speed
    one.evaluator.speed = lambda c: speed(c) / (9 if key_of(c) == leader else 1)

    (found,), _ = again([one], HALF._replace(percent=25))

    assert found.configurations >= 2
    assert found.optimum != leader
    assert key_of(slow) not in {key for key, _ in one.evaluator.calls}


def test_an_interval_of_passes_knows_that_samples_of_one_pass_are_alike():
    passes = [[100.0 + n] * 20 for n in (0, 4, 1, 3, 2)]

    by_pass = interval_of_passes(passes, "tokens/s")
    by_sample = interval([s for samples in passes for s in samples], "tokens/s")

    assert by_pass.high - by_pass.low > by_sample.high - by_sample.low
    assert interval_of_passes(passes[:3], "tokens/s") is None
    assert interval_of_passes(passes, "1") is None


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(DEPLOY, "evaluator", Noisy)


def test_the_command_tells_it_in_words_json_and_the_card(fake, project, cli):
    path = project / "suites/small.yaml"
    words = ("tabulate", path, "--passes", "2", "--best", "50")

    text = cli(*words)
    (table,) = (project / "results/tables").rglob("*.parquet")
    card = tables.read(table).card
    shown = cli("table", "show", path)
    told = json.loads(cli(*words, "--within", "5", "--json").stdout)

    assert text.returncode == 0, text.stderr
    assert "the best 2 in 2 further passes; optimum" in text.stdout
    assert card["best"]["passes"] == 2
    assert card["best"]["within"] == 2
    assert card["best"]["low"] <= card["best"]["value"] <= card["best"]["high"]
    assert card["passes"] == 2
    assert "2 passes, 2 more of the best 2" in shown.stdout
    assert told["best"] == [{**card["best"], "within": 5}]
    assert not list((project / "results/tables").rglob("*.partial"))
    assert cli("run", path, "--methods", "default").returncode == 0


def test_without_it_nothing_is_told_that_was_not(fake, project, cli):
    told = json.loads(cli("tabulate", project / "suites/small.yaml", "--json").stdout)
    (table,) = (project / "results/tables").rglob("*.parquet")

    assert told.keys() == {"written"}
    assert "best" not in tables.read(table).card


@pytest.mark.parametrize(
    "words",
    [
        ("--best", "0"),
        ("--best", "101"),
        ("--best", "nan"),
        ("--within", "0", "--best", "10"),
        ("--within", "101", "--best", "10"),
        ("--within", "2"),
        ("--best", "10", "--minutes", "5"),
        ("--best", "10", "--floor", "3"),
        ("--best", "10", "--remove-files"),
    ],
)
def test_what_makes_no_sense_is_one_line(project, cli, words):
    done = cli("tabulate", project / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_large_kernels_are_measured_as_their_suite_says():
    text = (REPOSITORY / "suites/paper/kernels-large.yaml").read_text()

    assert "haqa-bench tabulate suites/paper/kernels-large.yaml --passes 2 --best 10" in text
