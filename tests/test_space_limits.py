"""Limits of every kind, and lists of configurations: every method keeps them, and spends the
space.
"""

import json
import random
from importlib.util import find_spec

import pytest
from support import REPOSITORY
from test_optimizers import failed, roomy

from haqa_bench import suite
from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.registry import optimizer
from haqa_bench.space import MOST, SearchSpace, key_of
from haqa_bench.store.kernel_tuner.exported import restrictions
from haqa_bench.testing import small_studies

SIZES = {"choices": (1, 2, 3, 4, 6), "default": 2}
NAMES = {"choices": ("x", "y"), "default": "x"}


def space(limit=None, **more):
    limited = {**SIZES, "limit": {"why": "a test"} | limit} if limit else SIZES
    return SearchSpace.model_validate({"a": limited, "b": SIZES, "c": NAMES, **more})


LISTED = ((2, 2, "x"), (1, 6, "y"), {"a": 6, "b": 1, "c": "y"}, (3, 3, "x"), (4, 1, "x"))
LIMITS = {
    "product at most": ({"times": ("b",), "at_most": 6}, lambda a, b: a * b <= 6, "a * b <= 6"),
    "product at least": ({"times": ("b",), "at_least": 4}, lambda a, b: a * b >= 4, "a * b >= 4"),
    "sum at most": ({"plus": ("b",), "at_most": 5}, lambda a, b: a + b <= 5, "a + b <= 5"),
    "sum at least": ({"plus": ("b",), "at_least": 4}, lambda a, b: a + b >= 4, "a + b >= 4"),
    "both ends": (
        {"times": ("b",), "at_least": 3, "at_most": 8},
        lambda a, b: 3 <= a * b <= 8,
        "a * b <= 8",
    ),
    "divisible": ({"divisible_by": ("b",)}, lambda a, b: a % b == 0, "a % (b) == 0"),
    "by a constant": ({"divisible_by": (2,)}, lambda a, b: a % 2 == 0, "a % (2) == 0"),
    "product divisible": (
        {"times": ("b",), "divisible_by": (4,)},
        lambda a, b: a * b % 4 == 0,
        "(a * b) % (4) == 0",
    ),
    "by a product": (
        {"times": ("b",), "divisible_by": ("a", 2)},
        lambda a, b: a * b % (a * 2) == 0,
        "(a * b) % (a * 2) == 0",
    ),
    "a divisor": ({"divides": ("b",)}, lambda a, b: b % a == 0, "(b) % a == 0"),
    "of a constant": ({"divides": (4,)}, lambda a, b: 4 % a == 0, "(4) % a == 0"),
}


@pytest.mark.parametrize(("limit", "rule", "code"), LIMITS.values(), ids=LIMITS)
def test_a_limit_keeps_what_its_rule_says_wherever_configurations_come_from(limit, rule, code):
    made = space(limit)
    kept = {key_of(c) for c in made.grid()}

    every = [
        {"a": a, "b": b, "c": c} for a in SIZES["choices"] for b in SIZES["choices"] for c in "xy"
    ]
    assert kept == {key_of(c) for c in every if rule(c["a"], c["b"])}
    assert made.size == len(kept) < len(every)
    assert all(key_of(made.sample(random.Random(n))) in kept for n in range(50))
    assert [bool(made.problems(c)) for c in every] == [not rule(c["a"], c["b"]) for c in every]
    assert made.limits[0].startswith("a ")
    assert code in restrictions(made)
    assert all(eval(code, {}, c) for c in made.grid() for code in restrictions(made))
    assert SearchSpace.model_validate_json(made.model_dump_json()) == made


def test_a_limit_may_hold_only_where_others_have_values():
    made = space({"at_most": 3, "when": {"c": ("y",), "b": (1, 6)}})
    kept = {key_of(c) for c in made.grid()}

    every = [
        {"a": a, "b": b, "c": c} for a in SIZES["choices"] for b in SIZES["choices"] for c in "xy"
    ]
    assert kept == {
        key_of(c) for c in every if c["a"] <= 3 or c["c"] == "x" or c["b"] not in (1, 6)
    }
    said = "where c is y and b is 1 or 6: a is at most 3: a test"
    assert made.limits == [said]
    assert made.problems({"a": 6, "b": 1, "c": "y"}) == [f"{said}, not 6"]
    (code,) = restrictions(made)
    assert {key_of(c) for c in every if eval(code, {}, c)} == kept
    assert SearchSpace.model_validate_json(made.model_dump_json()) == made


def test_a_parameter_may_have_several_limits():
    first, second = LIMITS["product at least"], LIMITS["divisible"]
    why = {"why": "a test"}
    made = SearchSpace.model_validate(
        {"a": {**SIZES, "limit": (first[0] | why, second[0] | why)}, "b": SIZES}
    )

    assert all(first[1](**c) and second[1](**c) for c in made.grid())
    assert len(made.limits) == 2


def test_limits_as_they_were_are_written_as_they_were():
    limit = {"times": ("b",), "at_most": 6, "why": "w"}

    dumped = space(limit).model_dump(mode="json")["a"]["limit"]

    assert json.dumps(dumped) == '{"times": ["b"], "at_most": 6, "why": "w"}'


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({}, "a limit says at_most, at_least, divisible_by or divides"),
        ({"times": ("b",), "plus": ("b",), "at_most": 1}, "not of both"),
        ({"at_most": 1}, "leave out the choices that break it"),
        ({"times": ("b",), "at_most": float("nan")}, "should be a finite number"),
        ({"divides": ("c",)}, "'c' is no parameter with numbers"),
        ({"divisible_by": ("nowhere",)}, "'nowhere' is no parameter with numbers"),
        ({"divisible_by": (5,)}, "the default breaks a limit: a is divisible by 5"),
        ({"divisible_by": (0,)}, "the default breaks a limit: a is divisible by 0"),
        ({"at_most": 1, "when": {"d": (1,)}}, "when: 'd' is no parameter with choices"),
        ({"at_most": 1, "when": {"c": ("z",)}}, "when: c has no choice 'z'"),
        ({"at_most": 1, "when": {"b": (True,)}}, "when: b has no choice True"),
        ({"at_most": 1, "when": {"c": ("x",)}}, "breaks a limit: where c is x: a is at most 1"),
    ],
)
def test_a_limit_that_says_nothing_or_cannot_hold_is_refused(limit, said):
    with pytest.raises(ValueError, match=said):
        space({"why": "a test"} | limit)


@pytest.mark.parametrize("choice", [float("nan"), float("inf"), -float("inf"), MOST + 1, 10**400])
def test_a_choice_that_json_does_not_hold_exactly_is_refused(choice):
    with pytest.raises(
        ValueError, match=r"is no number that JSON holds exactly|should be a finite number"
    ):
        SearchSpace.model_validate({"a": {"choices": (1, choice), "default": 1}})


def test_a_list_is_the_whole_space_and_is_told_with_what_is_missing():
    made = space(configurations=LISTED)

    assert made.size == len(list(made.grid())) == 5
    assert {key_of(made.sample(random.Random(n))) for n in range(99)} == set(made.by_key)
    assert not made.problems({"a": 6, "b": 1, "c": "y"})
    assert made.problems({"a": 6, "b": 1, "c": "x"})
    assert made.limits == ["only 5 of the 50 combinations of choices exist"]
    few = {"a": NAMES, "b": NAMES, "configurations": (("x", "x"), ("x", "y"), ("y", "y"))}
    assert SearchSpace.model_validate(few).limits[1:] == [
        "this combination does not exist: a y, b x"
    ]
    assert SearchSpace.model_validate_json(made.model_dump_json()) == made != space()


def test_a_parameter_may_be_called_configurations():
    made = SearchSpace.model_validate({"configurations": NAMES})

    assert made.size == 2


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (((2, 2),), r"configurations\[0\]: has 2 values, not 3"),
        (((2, 2, "z"),), r"configurations\[0\]: c: 'z' is none of"),
        (((2, 2, "x"), (2, 2, "x")), "a configuration is given twice"),
        (((1, 1, "x"),), "the default breaks a limit: only 1 of the 50"),
        (({"a": 2},), r"configurations\[0\]: b: missing"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(listed, said):
    with pytest.raises(ValueError, match=said):
        space(configurations=listed)


SPACES = {
    "divisible": space(LIMITS["divisible"][0]),
    "at least": space(LIMITS["sum at least"][0]),
    "listed": space(configurations=LISTED),
}
METHODS = ["random", "local", "rules", "tpe", "gp", "nsga2"]
METHODS += ["smac"] if find_spec("smac") else []


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_to_the_space_and_spends_it(tmp_path, method, kind):
    wanted = SPACES[kind]
    study = roomy(small_studies(tmp_path)[0], 60)
    cell = study.cell.model_copy(update={"space": wanted})
    named = study.method.model_copy(update={"optimizer": method})
    made = optimizer(study._replace(cell=cell, method=named), None, REPOSITORY / "prompts")
    most = wanted.size if kind == "listed" else 12

    history = [failed(wanted.default)]
    while len(history) < most and (proposal := made.ask(history)) is not None:
        assert not wanted.problems(proposal.configuration)
        history.append(failed(proposal.configuration))

    assert len({t.key for t in history}) == len(history) == most
    assert kind != "listed" or made.ask(history) is None


def test_an_agent_is_told_which_combinations_exist(project):
    text = (project / "suites/small.yaml").read_text()
    (project / "few.json").write_text('[[2, "Q4_1"], {"format": "Q4_0", "n_threads": 1}]')
    path = project / "suites/listed.yaml"
    path.write_text(
        text.replace("    workload:", "      configurations: ../few.json\n    workload:")
    )

    (cell,) = suite.load(path, project).cells

    told = Prompts(project / "prompts").static(cell)
    assert "- only 2 of the 6 combinations of choices exist" in told
    assert "- this combination does not exist: n_threads 1, format Q4_1" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "Invalid JSON"),
        ("[3]", r"few.json: \[0\]"),
        ('[[2, "Q4_2"]]', "'Q4_2' is none of"),
        ("[[1]]", "has 1 values, not 2"),
    ],
)
def test_a_file_that_lists_something_else_is_refused_in_one_line(project, text, said):
    own = (project / "suites/small.yaml").read_text()
    (project / "suites/few.json").write_text(text)
    path = project / "suites/listed.yaml"
    path.write_text(own.replace("    workload:", "      configurations: few.json\n    workload:"))

    with pytest.raises(HaqaError, match=said) as refused:
        suite.load(path, project)

    assert "\n" not in str(refused.value)


def test_a_fault_in_a_space_names_its_line(project):
    path = project / "suites/small.yaml"
    path.write_text(path.read_text().replace("default: Q4_1", "default: Q4_9"))

    with pytest.raises(HaqaError, match=r"small.yaml:18: cells\[0\].space.format: default 'Q4_9'"):
        suite.load(path, project)
