"""Search spaces: what is in them, and what is not, type included."""

import random

import pytest
from pydantic import ValidationError

from haqa_bench.space import SearchSpace, key_of

SPACE = SearchSpace.model_validate(
    {
        "threads": {"choices": (1, 2), "default": 2},
        "mmap": {"choices": (True, False), "default": True},
        "rate": {"choices": (0.1, 1.0), "default": 0.1},
    }
)


def test_the_grid_holds_every_configuration_once():
    keys = [key_of(c) for c in SPACE.grid()]

    assert len(keys) == len(set(keys)) == SPACE.size == 8


def test_what_is_sampled_is_in_the_space_and_depends_on_the_generator_alone():
    drawn = [SPACE.sample(random.Random(3)) for _ in range(2)]

    assert drawn[0] == drawn[1]
    assert not SPACE.problems(drawn[0])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"threads": True}, "threads: True is none of"),
        ({"threads": 1.0}, "threads: 1.0 is none of"),
        ({"mmap": 1}, "mmap: 1 is none of"),
        ({"rate": 1}, "rate: 1 is none of"),
        ({"threads": [1]}, "threads: [1] is none of"),
        ({"threads": None}, "threads: None is none of"),
        ({"depth": 1}, "depth: not a parameter"),
    ],
)
def test_a_value_of_another_type_is_no_choice(change, problem):
    assert any(found.startswith(problem) for found in SPACE.problems({**SPACE.default, **change}))


def test_equal_configurations_have_equal_keys_and_types_tell_them_apart():
    assert key_of({"a": 1, "b": "x"}) == key_of({"b": "x", "a": 1})
    assert len({key_of({"a": value}) for value in (1, 1.0, True, "1")}) == 4


@pytest.mark.parametrize(
    "parameter",
    [
        {"choices": (), "default": 1},
        {"choices": (1, 2), "default": 3},
        {"choices": (1, 1), "default": 1},
    ],
)
def test_a_parameter_without_a_consistent_default_is_refused(parameter):
    with pytest.raises(ValidationError):
        SearchSpace.model_validate({"a": parameter})


LIMITED = {
    "rows": {
        "choices": (1, 2, 4),
        "default": 1,
        "limit": {"times": ("lanes",), "at_most": 8, "why": "work-items of a group"},
    },
    "lanes": {"choices": (1, 4, 8), "default": 8},
}


def test_a_limit_keeps_products_small_wherever_configurations_come_from():
    space = SearchSpace.model_validate(LIMITED)
    rng = random.Random(0)

    products = [c["rows"] * c["lanes"] for c in space.grid()]

    assert space.size == len(products) == 6
    assert max(products) == 8
    assert all(
        space.sample(rng)["rows"] * 8 <= 64 and not space.problems(space.sample(rng))
        for _ in range(50)
    )
    assert space.problems({"rows": 4, "lanes": 8}) == [
        "rows x lanes is at most 8: work-items of a group, not 32"
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"lanes": {"choices": ("a", "b"), "default": "a"}},
            "'lanes' is no parameter with numbers",
        ),
        (
            {"lanes": {"choices": (8, 16), "default": 16}},
            "the default breaks a limit: rows x lanes is at most 8",
        ),
    ],
)
def test_a_limit_that_cannot_hold_is_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        SearchSpace.model_validate(LIMITED | change)
