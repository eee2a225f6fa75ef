"""What pairs of a winner and the default say, where a side may be 0."""

import json
import math

import duckdb
import numpy as np
import pytest
from support import WINNER, Live, evaluator_of, plan
from test_explain import places

from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.project import Project, open_run
from haqa_bench.report import statistics, verdict
from haqa_bench.report.evidence import as_json, columns
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.figures.confirmed import confirmed
from haqa_bench.report.found.best import best
from haqa_bench.report.found.pairs import Pair, confirmed_ratio, judged, noise_floor, word_of
from haqa_bench.report.found.pairs import pairs as found_pairs
from haqa_bench.report.tables import catalogue
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial

KEY = ("cell", "winner")


def pairs(*ratios, default=False):
    key = "default" if default else "winner"
    return [Pair("cell", key, default, "here", ratio, 1.0, 0.0) for ratio in ratios]


@pytest.mark.parametrize(
    ("ratios", "word", "ratio"),
    [
        ([math.inf] * 6, "better", math.inf),
        ([0.0] * 6, "worse", 0.0),
        ([math.inf] * 4 + [1.2, 1.3], "better", math.inf),
        ([0.0] * 4 + [1.1] * 9, "undecided", 1.1),
        ([math.inf] * 5, "undecided", math.inf),  # too few
        ([0.0, math.inf] * 4, "undecided", math.inf),
    ],
)
def test_nothing_is_a_multiple_of_0_and_yet_more_or_less(ratios, word, ratio):
    found = judged(pairs(*ratios)).verdicts[KEY]

    assert (found.word(0.0), found.ratio) == (word, ratio)


def test_pairs_in_which_both_are_0_tell_nothing():
    found = judged(pairs(None, None, *[1.2] * 6) + pairs(None, None, default=True))

    assert (found.verdicts[KEY].pairs, found.verdicts[KEY].better) == (6, True)
    assert found.silent == {KEY: 2, ("cell", "default"): 2}
    assert found.floors == {}
    assert judged(pairs(None)).verdicts == {}


def test_what_failed_in_a_pair_is_not_better_however_quick_the_others_were():
    """A pair in which the default failed says nothing of it."""

    def failed(side):
        return Pair("cell", "winner", False, "here", None, None, 0.0, f"{side}: crashed: killed")

    quick = pairs(*[1.3] * 6)

    one, other = judged([*quick, failed("tuned")]), judged([*quick, failed("default")])

    assert (one.verdicts[KEY].word(0.0), one.verdicts[KEY].better) == ("undecided", False)
    assert one.failed == {KEY: ["crashed: killed"]}
    assert (other.verdicts[KEY].better, other.failed) == (True, {})
    assert judged([*pairs(*[0.7] * 6), failed("tuned")]).verdicts[KEY].word(0.0) == "worse"
    assert judged([failed("tuned")]).verdicts == {}


def test_a_winner_that_fails_in_each_pair_leaves_the_default_and_is_not_missing(project):
    def speed(configuration, call):
        if configuration == WINNER:
            raise EvaluationFailed(Status.CRASHED, "it was killed")
        return 60.0

    project = Project(project)
    with open_run(ran(project.folder, speed)) as run:
        tables = catalogue.tables(run, project)
        (row,) = (row for row in best(run) if not row.is_default)
        found = found_pairs(run)
        explained = [columns.evidence(place) for place in places(Ledger(run, project), tables)]

        assert (confirmed_ratio(row, found), word_of(row, found)) == (1.0, "undecided")
        assert not confirmed(run)

    text = str([(table.rows, table.notes) for table in tables.values()])
    assert "In 8 pairs 1 winner failed" in text
    assert "not yet" not in text
    assert json.dumps([as_json.evidence(one) for one in explained], allow_nan=False)


def test_what_failed_beside_the_winners_is_in_no_note(project):
    """Such as a peer that is not here, which is held against the default too."""
    project = Project(project)
    folder = ran(project.folder, lambda c, _: 60.0)
    with duckdb.connect(str(folder / "trials.duckdb")) as database:
        database.execute(
            'INSERT INTO pairs SELECT cell, \'{"peer":"x"}\', 0, false, machine, NULL, NULL, 0, '
            "'tuned: refused: x is not here' FROM pairs LIMIT 1"
        )
    with open_run(folder) as run:
        tables = catalogue.tables(run, project)

    assert "is not here" not in str([table.notes for table in tables.values()])


def test_a_default_that_is_0_at_times_has_no_noise_floor():
    assert judged(pairs(1.0, 0.0, math.inf, 1.1, 0.0, math.inf, default=True)).floors == {}
    assert judged(pairs(1.0, 1.02, 0.98, default=True)).floors["cell"] < 0.03
    assert noise_floor([0.0, math.inf], 6) == math.inf


def test_one_of_a_pair_over_the_other():
    assert statistics.of_pair(3.0, 2.0) == 1.5
    assert statistics.of_pair(3.0, 0.0) == math.inf
    assert statistics.of_pair(0.0, 2.0) == 0.0
    assert statistics.of_pair(0.0, 0.0) is None
    assert verdict.of_ratio(0.0, None, 0.5) == "undecided"
    assert statistics.quantile(np.array([1.0, 2.0, math.inf]), 0.975) == math.inf
    assert statistics.quantile(np.array([0.0, 1.0, math.inf]), 0.025) == 0.0


def ran(project, speed):
    what = plan(project, measure="live")
    chosen = [s for s in what.studies if s.method.name == "random"]
    what = what._replace(studies=chosen)
    live = Live(evaluator_of(project), speed)
    list(runner.run(what, what.folder, Serial({what.suite.cells[0].id: live})))
    return what.folder


@pytest.mark.parametrize(
    ("speed", "said"),
    [
        (lambda c, _: 0.5 * (c == WINNER), "from 0"),
        (lambda c, _: 0.5 * (c != WINNER), "default (worse)"),
        (lambda c, _: 0.0, "both 0"),
    ],
)
def test_a_report_of_pairs_with_a_0_says_so_and_explains_it(project, speed, said):
    project = Project(project)
    with open_run(ran(project.folder, speed)) as run:
        tables = catalogue.tables(run, project)
        ledger = Ledger(run, project)
        explained = [
            json.dumps(as_json.evidence(columns.evidence(place)), allow_nan=False)
            for place in places(ledger, tables)
        ]
        assert all(found.middle < math.inf for found in confirmed(run).values())

    text = str([row for table in tables.values() for row in table.rows])
    assert said in text
    assert "inf" not in text
    assert any("quotient of a pair" in one for one in explained)
    assert ("infinite" in "".join(explained)) is (said == "from 0")


def test_a_report_keeps_the_default_in_place_of_a_winner_that_failed_in_a_pair(project):
    """Its other pairs say 1.4 times as good; the evidence says why that does not count."""
    project, of_winner = Project(project), []

    def speed(configuration, call):
        if configuration != WINNER:
            return 60.0
        of_winner.append(call)
        if len(of_winner) == 2:
            raise EvaluationFailed(Status.CRASHED, "it was killed")
        return 84.0

    with open_run(ran(project.folder, speed)) as run:
        tables = catalogue.tables(run, project)
        explained = [columns.evidence(place) for place in places(Ledger(run, project), tables)]
        gains = [one.middle for one in confirmed(run).values()]

    text = str([(table.rows, table.notes) for table in tables.values()])
    told = json.dumps([as_json.evidence(one) for one in explained], allow_nan=False)
    assert "In 1 pair 1 winner failed, in place of which the default is kept, whatever" in text
    assert "the others say: crashed: it was killed." in text
    assert "pairs in which it failed" in told
    assert gains == [1.0]
