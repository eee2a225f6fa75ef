"""How much quality is to be kept, as a user says it."""

import pytest

from haqa_bench.errors import HaqaError
from haqa_bench.trial import Constraint
from haqa_bench.tune.kept import Limit, allowing, limits, of_constraints


@pytest.mark.parametrize(
    ("words", "constraints"),
    [
        ("kl=0.05", [("kl_divergence", "at_most", 0.05)]),
        ("same=0.8", [("same_first_token", "at_least", 0.8)]),
        ("perplexity=0.8", [("perplexity", "at_most_times_default", 1.25)]),
        ("0.8", [("perplexity", "at_most_times_default", 1.25)]),
        (
            " kl = 0.1 , same=0.5",
            [("kl_divergence", "at_most", 0.1), ("same_first_token", "at_least", 0.5)],
        ),
        ("kl=0", [("kl_divergence", "at_most", 0.0)]),
        ("kl=1,kl=0.1", [("kl_divergence", "at_most", 0.1)]),
    ],
)
def test_each_limit_is_a_constraint_of_the_suite(words, constraints):
    found = [limit.constraint for limit in limits(words)]

    assert found == [Constraint(metric=name, **{form: n}) for name, form, n in constraints]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("", "'perplexity=' is no limit"),
        ("nan", "perplexity is between 0.5 and 1, not nan"),
        ("kl=-1", "kl is between 0 and 10, not -1"),
        ("same=1.5", "same is between 0.5 and 1, not 1.5"),
        ("speed=3", "'speed' is no measure of quality"),
        ("kl=a", "'kl=a' is no limit"),
        ("kl=0.1,", "'' is no limit"),
        ("kl=inf", "not inf"),
    ],
)
def test_another_is_told_in_one_line(words, fault):
    with pytest.raises(HaqaError, match=fault) as told:
        limits(words)

    assert "kl=0.05, same=0.9 or perplexity=0.95" in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kl", 0.131),
        ("kl", 0.08),
        ("kl", 0.0004),
        ("kl", 1e-7),
        ("same", 0.826),
        ("perplexity", 11.11),
    ],
)
def test_a_limit_that_would_allow_a_loss_does_and_no_much_larger_one(name, value):
    default = {"kl": 0.0, "same": 1.0, "perplexity": 10.0}[name]

    limit = allowing(name, value, default)

    assert limit.constraint.over(value, default) <= 0
    narrower = limit.value / 1.11 if name == "kl" else limit.value + 0.001
    assert Limit(name, narrower).constraint.over(value, default) > 0
    assert limits(limit.words) == (Limit(name, limit.value),)


@pytest.mark.parametrize(
    "words", ["kl=0.05", "kl=0,same=0.9", "perplexity=0.95", "kl=10", "same=1"]
)
def test_the_limits_are_read_again_from_what_a_suite_states(words):
    found = limits(words)

    stated = [limit.constraint for limit in found]

    assert of_constraints([*stated, Constraint(metric="x", at_most_times_default=2.0)]) == found
