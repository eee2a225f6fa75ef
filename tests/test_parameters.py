"""Ranges of a search space: what they take, how they are rounded, and how they are written."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.parameters import FloatRange, IntRange, Parameter
from haqa_bench.space import SearchSpace, key_of

RATE = {"float": {"low": 1e-5, "high": 0.2, "log": True}, "default": 0.01}
DROPOUT = {"float": {"low": 0.0, "high": 0.3}, "default": 0.05}
BATCH = {"int": {"low": 32, "high": 256, "log": True}, "default": 128}
EPOCHS = {"int": {"low": 8, "high": 12}, "default": 12}
STEPS = {"int": {"low": 200, "high": 1000, "step": 50}, "default": 400}
EVERY = {"rate": RATE, "dropout": DROPOUT, "batch": BATCH, "epochs": EPOCHS, "steps": STEPS}


def space(**parameters: object) -> SearchSpace:
    return SearchSpace.model_validate(parameters)


def one(given: object) -> Parameter:
    return space(it=given).root["it"]


@pytest.mark.parametrize("name", EVERY)
@given(seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_what_a_range_draws_steps_to_or_has_at_a_place_is_one_of_its_values(
    name: str, seed: int, share: float
) -> None:
    parameter = one(EVERY[name])
    drawn = parameter.drawn(random.Random(seed))
    others = [*parameter.beside(drawn, share / 2), parameter.at(share)]  # type: ignore[attr-defined]

    assert all(parameter.has(value) for value in (drawn, *others))
    assert drawn not in parameter.beside(drawn, share / 2)
    assert parameter.beside(drawn, 0.125)
    assert 0 <= parameter.fraction(drawn) <= 1
    assert parameter.meant(drawn) == drawn


@pytest.mark.parametrize("name", ["epochs", "steps", "batch"])
def test_the_size_of_a_whole_range_is_the_count_of_its_values(name: str) -> None:
    parameter = one(EVERY[name])

    assert parameter.size == sum(parameter.has(value) for value in range(2000))


@pytest.mark.parametrize(
    ("bounds", "count"),
    [
        ({"low": 0.0, "high": 0.3}, 3001),
        ({"low": 0.5, "high": 0.99, "digits": 2}, 50),
        ({"low": 0.001, "high": 0.1, "log": True, "digits": 2}, 181),
        ({"low": 1e-6, "high": 1e-5, "log": True, "digits": 1}, 10),
        ({"low": -20000.0, "high": 20000.0}, 4001),
    ],
)
def test_the_size_of_a_real_range_is_the_count_of_its_rounded_values(
    bounds: dict[str, object], count: int
) -> None:
    parameter = one({"float": bounds, "default": bounds["high"]})
    seen = {parameter.drawn(random.Random(n)) for n in range(60 * count)} if count < 200 else set()

    assert parameter.size == count
    assert not seen or len(seen) == count


@pytest.mark.parametrize(
    ("given", "value", "meant"),
    [
        (RATE, 0.0123456, 0.01235),
        (RATE, 1.23456e-5, 1.235e-5),
        (DROPOUT, 0.123456, 0.1235),
        (DROPOUT, 0, 0.0),
        (DROPOUT, np.float32(0.1), 0.1),
        (RATE, np.float64(0.1), 0.1),
        (BATCH, 64.0, 64),
        (BATCH, np.int64(64), 64),
        (EPOCHS, 8.5, 8.5),
        (EPOCHS, "8", "8"),
        (EPOCHS, True, True),
        (EPOCHS, 10**400, 10**400),
        (RATE, 10**400, 10**400),
        (RATE, math.inf, math.inf),
    ],
)
def test_a_number_of_a_range_is_rounded_before_it_is_hashed(
    given: object, value: object, meant: object
) -> None:
    found = one(given).meant(value)

    assert (type(found), found) == (type(meant), meant)


@pytest.mark.parametrize("value", [0.5, -0.1, 0.05001, 0, "0.1", None, True, math.nan, [0.1]])
def test_what_a_range_has_not_is_told(value: object) -> None:
    assert not one(DROPOUT).has(value)
    assert space(it=DROPOUT).problems({"it": value}) == [
        f"it: {value!r} is not a number from 0.0 to 0.3"
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"int": {"low": 4, "high": 4}, "default": 4}, "is not below"),
        ({"int": {"low": 0, "high": 4, "log": True}, "default": 4}, "begins above 0"),
        ({"int": {"low": 1, "high": 8, "step": 2}, "default": 1}, "no whole number of steps"),
        ({"int": {"low": 1, "high": 9, "step": 2, "log": True}, "default": 1}, "not both"),
        ({"int": {"low": 1, "high": 9}, "default": 1.0}, "default 1.0"),
        ({"float": {"low": 0.0, "high": 0.123456}, "default": 0.0}, "more than 4 digits"),
        ({"float": {"low": 0.0, "high": 0.1}, "default": 0.012345}, "of its digits"),
        ({"float": {"low": 0.0, "high": 1.0}, "default": 2.0}, "default 2.0"),
        ({"float": {"low": 0.0, "high": 1.0}}, "default"),
        ({"float": {"low": 0.0}, "default": 0.0}, "high"),
        ({"float": {"low": 0.0, "high": 1.0}, "default": 0.0, "choices": [0.0]}, "choices"),
    ],
)
def test_a_range_that_is_none_is_refused(given: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        space(it=given)


def test_a_space_with_ranges_is_written_and_read_again_as_it_was() -> None:
    found = space(**EVERY, names={"choices": ("a", "b"), "default": "a"})
    again = SearchSpace.model_validate_json(found.model_dump_json())

    assert again == found
    assert found.model_dump(mode="json")["batch"]["int"]["high"] == 256
    assert sha256(again.model_dump(mode="json")) == sha256(found.model_dump(mode="json"))


def test_a_space_with_a_range_has_no_list() -> None:
    found = space(rate=RATE)

    assert not found.finite
    assert found.codes() is None
    with pytest.raises(HaqaError, match="rate is a range"):
        next(found.grid())
    with pytest.raises(ValidationError, match="not in a space with a range"):
        space(rate=RATE, configurations=((0.01,),))


def test_draws_keep_the_limits_of_ranges() -> None:
    limit = {"times": ("b",), "at_most": 100, "why": "memory"}
    whole = {"int": {"low": 1, "high": 64}, "default": 1}
    found = space(a={**whole, "limit": limit}, b=whole)
    drawn = [found.sample(random.Random(seed)) for seed in range(50)]

    assert all(int(d["a"]) * int(d["b"]) <= 100 for d in drawn)
    never = {"times": ("b",), "at_most": 1, "why": "memory"}
    big = {"int": {"low": 1, "high": 10**6}, "default": 1}
    with pytest.raises(HaqaError, match="keeps the limits"):
        space(a={**big, "limit": never}, b=big).sample(random.Random(0))


def test_a_proposal_of_a_range_has_one_key() -> None:
    found = space(**EVERY)
    given = {"rate": 0.0100049, "dropout": 0, "batch": 64.0, "epochs": 8, "steps": 200}
    same = {"rate": 0.01, "dropout": 0.0, "batch": 64, "epochs": 8, "steps": 200}
    rounded = found.rounded(given)

    assert found.holds(rounded)
    assert key_of(rounded) == key_of(same)


def test_each_kind_is_a_class_of_its_own() -> None:
    assert isinstance(one(RATE), FloatRange)
    assert isinstance(one(BATCH), IntRange)
