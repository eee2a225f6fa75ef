"""Learning curves: how they are kept, read again, and told to prompts."""

import pytest

from haqa_bench import curves
from haqa_bench.curves import Point
from haqa_bench.trial import Status, Trial

RECORDED = "4:2.309 8:2.262 12:2.23"


def trial(text, name="learning_curve", **others):
    told = {name: text, **others}
    return Trial(number=1, configuration={}, status=Status.OK, facts=told)


def test_a_curve_is_read_as_it_was_kept():
    curve = [Point(390, 1.0, 2.301), Point(780, 2.0, 1.9), Point(901, 2.31, 4.612)]

    assert curves.as_fact(curve) == "390@1:2.301 780@2:1.9 901@2.31:4.612"
    assert curves.points({"learning_curve": curves.as_fact(curve)}) == curve


def test_a_curve_of_a_recorded_table_has_no_epochs_and_is_read():
    assert curves.points({"learning_curve": RECORDED}) == [
        Point(4, None, 2.309),
        Point(8, None, 2.262),
        Point(12, None, 2.23),
    ]


def test_a_joint_trial_tells_the_curve_of_its_training():
    assert curves.losses(trial(RECORDED, "training_learning_curve")) == (2.309, 2.262, 2.23)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "4:2.3 oops", "4:nan", "4:1e999", "8:2.0 4:1.0", "4 2.3", "4:2.3" + " " * 100_000],
)
def test_what_is_no_curve_is_read_as_none(text):
    assert not curves.points({"learning_curve": text})
    assert curves.losses(trial(text)) == ()


def test_a_prompt_is_told_as_many_losses_as_it_asks_for():
    told = curves.losses(trial("1:3.0012 2:2.0012 3:1.0012 4:0.0012"), most=2)

    assert told == (2.501, 0.5012)


def test_neighbours_that_are_told_as_one_weigh_by_their_steps():
    assert curves.losses(trial("1:10 10:1 11:5 12:7"), most=2) == (1.9, 6.0)
