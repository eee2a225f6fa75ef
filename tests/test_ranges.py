"""Every method proposes for ranges: it draws, climbs or models them, ends where they end, and comes
nearer to a known optimum than random search does.
"""

import sys
from importlib.util import find_spec

import pytest
from support import REPOSITORY

import haqa_bench as hb
from haqa_bench import registry
from haqa_bench.errors import HaqaError
from haqa_bench.run.contract import methods
from haqa_bench.space import SearchSpace, key_of
from haqa_bench.study import Method
from haqa_bench.testing import OptimizerContract
from haqa_bench.trial import Status

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import ranges

OURS = ["random", "local", "rules", "tpe", "gp", "nsga2"]
INT = {"int": {"low": 8, "high": 12}, "default": 10}
LOG = {"float": {"low": 1e-5, "high": 0.2, "log": True}, "default": 0.01}


def keys(found):
    return [trial.key for trial in found]


class TestLocal(OptimizerContract):
    method = "local"


class TestRules(OptimizerContract):
    method = "rules"


class TestTpe(OptimizerContract):
    method = "tpe"


class TestGp(OptimizerContract):
    method = "gp"


class TestNsga2(OptimizerContract):
    method = "nsga2"


@pytest.mark.parametrize("name", OURS)
def test_a_range_of_five_values_is_spent_without_a_repeat_and_ends(name):
    cell = hb.function_cell(lambda c: (c["n"] - 9) ** 2, {"n": INT}, proposals=20)

    found = hb.run_study(name, cell)

    assert len(found) == len(set(keys(found))) == 5


@pytest.mark.parametrize("name", OURS)
def test_what_a_limit_leaves_of_ranges_is_spent_and_ends(name):
    limit = {"times": ["m"], "at_most": 100, "why": "a test"}
    space = {"n": INT | {"limit": limit, "default": 8}, "m": INT}
    cell = hb.function_cell(lambda c: c["n"] + c["m"], space, proposals=40)

    found = hb.run_study(name, cell)

    left = sum(n * m <= 100 for n in range(8, 13) for m in range(8, 13))
    assert len(found) == len(set(keys(found))) == left


@pytest.mark.parametrize("name", OURS)
def test_values_are_those_that_the_ranges_keep(name):
    space = {
        "rate": LOG,
        "drop": {"float": {"low": -0.5, "high": 0.5, "digits": 2}, "default": 0.0},
        "batch": {"int": {"low": 32, "high": 256, "log": True}, "default": 128},
        "layers": {"int": {"low": 1, "high": 13, "step": 3}, "default": 4},
        "kind": {"choices": ["sgd", "adam", "lion"], "default": "sgd"},
    }

    def error(c):
        if c["kind"] == "lion" and c["layers"] > 4:
            raise hb.EvaluationFailed("crashed", "exit code 1")
        return c["rate"] * c["batch"] + c["drop"] ** 2

    cell = hb.function_cell(error, space, proposals=14)

    found = hb.run_study(name, cell)

    assert len(set(keys(found))) == len(found) == 14
    assert all(cell.space.holds(trial.configuration) for trial in found)


def test_a_climb_goes_on_in_smaller_strides_where_no_neighbour_is_better():
    space = {"x": {"float": {"low": 0.0, "high": 1.0}, "default": 0.5}}
    cell = hb.function_cell(lambda c: abs(c["x"] - 0.52), space, proposals=11)

    found = hb.run_study("local", cell)

    assert {t.configuration["x"] for t in found.trials[1:3]} == {0.25, 0.75}
    assert {t.configuration["x"] for t in found.trials[3:5]} == {0.375, 0.625}
    assert found.value < 0.012


def test_rules_on_ranges_are_rounded_into_them_and_draw_no_random_numbers(tmp_path):
    (study, *_) = methods.range_studies(tmp_path)
    space = SearchSpace.model_validate(
        {"learning_rate": LOG, "batch_size": INT, "schedule": {"choices": (1, 2), "default": 1}}
    )
    cell = study.cell.model_copy(update={"space": space, "track": "qat"})
    rules = registry.optimizer(
        study._replace(cell=cell, method=Method(name="rules", optimizer="rules")), None, tmp_path
    )
    default = methods.SmallDevice().sample(study.cell.space.default, 0)
    trial = hb.Trial(
        number=0, configuration=space.default, status=Status.OK, measurements=default.measurements
    )

    first = rules.ask([trial])

    assert first.configuration == {**space.default, "batch_size": 12}  # 32 is beyond its end
    assert "many steps" in first.thought


class Grid:
    """Knows lists of choices alone, and says so."""

    only_choices = True
    settings = {}  # noqa: RUF012
    start_up = 0

    def __init__(self, study):
        self.grid = list(study.cell.space.grid())

    def ask(self, history):
        return hb.Proposal(self.grid[len(history) % len(self.grid)])


class TestGrid(OptimizerContract):
    """On choices; what needs ranges is left out."""

    def make(self, study, chat):
        return Grid(study)


def test_a_method_of_choices_alone_is_refused_ranges_by_name(tmp_path, monkeypatch):
    (study, *_) = methods.range_studies(tmp_path)
    named = study._replace(method=Method(name="mine", optimizer="test_ranges:Grid"))
    told = "method 'mine': proposes choices alone .only_choices., and .* has ranges: learning_rate,"

    with pytest.raises(HaqaError, match=told):
        registry.check_spaces([named])
    registry.check_spaces(
        [s._replace(method=named.method) for s in methods.small_studies(tmp_path)]
    )
    with pytest.raises(HaqaError, match="method 'Grid': proposes choices alone"):
        hb.run_study(Grid, hb.function_cell(lambda c: 0.0, {"n": INT}))
    assert [s.space.finite for s in methods.subjects(named.method, tmp_path, tmp_path)] == [True]


def test_suite_validate_refuses_ranges_for_a_method_of_choices_alone(tmp_path, cli):
    methods.range_studies(tmp_path)
    path = tmp_path / "suites/contract-ranges.yaml"
    (tmp_path / "suites/grid.py").write_text(
        "class Grid:\n    only_choices = True\n    settings = {}\n    start_up = 0\n"
        "    def __init__(self, study): pass\n    def ask(self, history): return None\n"
    )
    mine = "{name: mine, optimizer: 'grid.py:Grid'}"
    path.write_text(path.read_text().replace("methods: [", f"methods: [{mine}, "))

    done = cli("suite", "validate", path, "--project", tmp_path)

    assert done.returncode == 2
    assert "method 'mine': proposes choices alone" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def beside_random(name, seeds, jobs=1):
    at_random = ranges.regrets("random", range(seeds), 30, jobs)
    return ranges.told(name, ranges.regrets(name, range(seeds), 30, jobs), at_random)


@pytest.mark.parametrize("name", ["local", "rules", "tpe"])
def test_what_learns_comes_nearer_to_a_known_optimum_than_random_search(name):
    assert beside_random(name, 20).better


def test_a_model_of_ranges_comes_nearer_than_random_search_within_few_seeds():
    at_random = ranges.regrets("random", range(6), 20)

    found = ranges.told("gp", ranges.regrets("gp", range(6), 20), at_random)

    assert found.nearer >= 5


@pytest.mark.long
@pytest.mark.parametrize("name", ranges.LEARN)
def test_over_100_seeds_what_learns_comes_nearer_than_random_search(name):
    if name == "smac" and find_spec("smac") is None:
        pytest.skip("smac is not installed")

    assert beside_random(name, 100, jobs=None).better


def test_a_function_of_python_is_optimized_on_ranges_without_a_table():
    frame = hb.optimize(lambda c: (c["n"] - 9) ** 2, {"n": INT})

    assert frame["best"].min() == 0
    assert set(frame["source"]) == {"measured"}
    assert set(frame["optimizer"]) == {"tpe"}
    assert frame["regret"].isna().all()


def test_methods_are_compared_on_a_function(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = hb.function_cell(ranges.Bowl(0), ranges.SPACE, proposals=15, source="simulated")
    frames = [hb.optimize(cell, name, seeds=8) for name in ("random", "local")]

    found = hb.compare(*frames, cells=[cell]).set_index("method")

    assert found.loc["local", "n"] == 8
    assert found.loc["local", "source"] == "simulated"
    assert found.loc["local", "pairs"] == 8
    assert found["regret"].isna().all()


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"n": {"int": {"low": 9, "high": 8}, "default": 9}}, "low 9 is not below high 8"),
        ({"n": {"int": {"low": 1, "high": 8}, "default": 9}}, "default 9 is not a whole number"),
        ({"n": 3}, "n"),
        (3, "on a space, not on a int"),
    ],
)
def test_a_wrong_space_is_one_line(space, told):
    with pytest.raises(HaqaError) as fault:
        hb.optimize(lambda c: 0.0, space)

    assert told in str(fault.value)
    assert "\n" not in str(fault.value)


def test_what_a_function_cannot_measure_is_a_status_and_what_it_raises_is_its_own():
    def nan(c):
        return float("nan") if c["n"] > 10 else 1.0

    found = hb.run_study("random", hb.function_cell(nan, {"n": INT}))

    assert {t.status for t in found} == {"ok", "not_finite"}
    with pytest.raises(ZeroDivisionError):
        hb.run_study("random", hb.function_cell(lambda c: 1 / 0, {"n": INT}))
    with pytest.raises(TypeError, match="gave a str, not a number"):
        hb.run_study("random", hb.function_cell(lambda c: "1", {"n": INT}))


def test_every_value_of_a_range_is_listed_once_and_is_one_of_it():
    space = SearchSpace.model_validate(
        {
            "a": {"float": {"low": 0.08, "high": 12.0, "log": True, "digits": 2}, "default": 1.0},
            "b": {"float": {"low": -0.1, "high": 0.1, "digits": 2}, "default": 0.0},
            "c": {"int": {"low": 1, "high": 7, "step": 3}, "default": 4},
        }
    )

    for parameter in space.root.values():
        values = list(parameter.every())
        assert len(set(values)) == len(values) == parameter.size
        assert all(map(parameter.has, values))
    assert len({key_of(c) for c in space.every()}) == space.size
