"""What a tuning recommends, by its run and its pairs."""

import json

import pytest
from support import WINNER, Live, evaluator_of, plan

from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.project import open_run
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.tune import recommendation


def run_of(project, speed):
    what = plan(project, measure="live")
    studies = [s for s in what.studies if s.method.name == "random"]
    cell, table = what.suite.cells[0], evaluator_of(project)
    for study in studies:  # one whose winner is not the default
        one = what._replace(studies=[study])
        list(runner.run(one, one.folder, Serial({cell.id: Live(table, speed)})))
        with open_run(one.folder) as run:
            found = recommendation.of_run(run, cell)
        if found.gain != 1:
            return found, cell
    raise AssertionError


def test_a_winner_that_pairs_confirm_is_recommended(project):
    found, _ = run_of(project, lambda c, _: 60.0 * (1.4 if c == WINNER else 1.0))

    assert (found.configuration, found.kept_default) == (WINNER, False)
    assert found.confirmed_gain == pytest.approx(1.4)
    assert found.interval[0] <= 1.4 <= found.interval[1]
    assert found.pairs >= 6


def test_a_winner_that_pairs_do_not_confirm_leaves_the_default(project):
    found, cell = run_of(project, lambda c, call: 60.0 * (1 + 0.01 * (call * 7 % 5)))

    assert (found.configuration, found.kept_default) == (dict(cell.space.default), True)
    assert found.gain > 1  # what tuning saw


@pytest.mark.parametrize(
    ("speed", "kept", "zeros"),
    [
        (lambda c, _: 0.5 * (c == WINNER), False, (8, 0, 0)),
        (lambda c, _: 0.5 * (c != WINNER), True, (0, 8, 0)),
        (lambda c, _: 0.0, True, (0, 0, 8)),
    ],
)
def test_a_winner_that_meets_a_0_in_pairs_is_judged_without_a_ratio(project, speed, kept, zeros):
    found, _ = run_of(project, speed)

    assert (found.kept_default, found.zeros) == (kept, zeros)
    assert found.confirmed_gain in (None, 0.0)
    assert found.noise_floor in (None, 0.0)
    json.dumps([found.interval, found.confirmed_gain], allow_nan=False)


def test_a_winner_that_fails_in_some_pairs_is_not_recommended(project):
    """It is 1.4 times as fast in all others."""
    of_winner = []

    def speed(configuration, call):
        if configuration != WINNER:
            return 60.0
        of_winner.append(call)
        if len(of_winner) == 3:
            raise EvaluationFailed(Status.CRASHED, "the server ended")
        return 84.0

    found, cell = run_of(project, speed)

    assert (found.kept_default, found.configuration) == (True, dict(cell.space.default))
    assert (found.confirmed_gain, found.pairs) == (pytest.approx(1.4), 7)
    assert found.failed == ["crashed: the server ended"]


def test_of_an_interval_that_a_0_leaves_open_the_lower_end_is_told(project):
    """The default gives 0 in some of eight pairs, but not in most."""
    of_winner = []

    def speed(configuration, call):
        if configuration == WINNER:
            of_winner.append(call)
            return 3.0
        return float(not 1 <= len(of_winner) <= 2)

    found, _ = run_of(project, speed)

    assert not found.kept_default
    assert found.confirmed_gain == 3.0
    assert 2 <= found.zeros.default < 4
    assert found.interval == (3.0, None)


def test_a_default_that_cannot_be_measured_is_no_recommendation(project):
    what = plan(project, measure="live")
    study = next(s for s in what.studies if s.method.name == "default")
    broken = Live(evaluator_of(project), lambda *_: 60.0)

    def refuse(_):
        raise EvaluationFailed("refused", "the quality text has 3 tokens")

    broken.measure = refuse
    one = what._replace(studies=[study])
    list(runner.run(one, one.folder, Serial({study.cell.id: broken})))

    with (
        pytest.raises(
            HaqaError, match="could not be measured: refused: the quality text has 3 tokens"
        ),
        open_run(one.folder) as run,
    ):
        recommendation.of_run(run, study.cell)
