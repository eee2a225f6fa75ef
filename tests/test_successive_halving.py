"""Successive halving: what it proposes, where it is refused, and that it is worth its rungs."""

from collections import Counter

import numpy as np
import pytest
from falling import RANGES, Falling
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.registry import optimizer
from haqa_bench.run.study import run_study
from haqa_bench.testing import OptimizerContract
from haqa_bench.trial import Status


def studies(tmp_path, method, text=RANGES):
    path = tmp_path / "ranges.yaml"
    path.write_text(text)
    return [s for s in suite.load(path, REPOSITORY).studies() if s.method.name == method]


def run(study, earlier=()):
    made = optimizer(study, None, REPOSITORY / "prompts")
    return [*earlier, *run_study(study, made, Falling(), list(earlier))]


class OnRanges(OptimizerContract):
    evaluator = Falling()

    @pytest.fixture
    def studies(self, tmp_path):
        return studies(tmp_path, self.method)


class TestAsha(OnRanges):
    method = "asha"

    def test_every_configuration_begins_at_the_first_rung_and_climbs_to_the_next(self, studies):
        trials = self.run(studies[0])[1:]

        rungs = {}
        for trial in trials:
            chosen = (trial.configuration["learning_rate"], trial.configuration["momentum"])
            rungs.setdefault(chosen, []).append(trial.configuration["epochs"])
        assert all([1, 3, 9, 27][: len(climbed)] == climbed for climbed in rungs.values())
        lengths = Counter(map(len, rungs.values()))
        assert lengths[1] > lengths[2] + lengths[3] > lengths[3] > 0

    def test_what_diverged_goes_no_further(self, studies):
        trials = self.run(studies[0])

        diverged = {t.configuration["learning_rate"] for t in trials if t.status == "diverged"}
        assert diverged
        for rate in diverged:
            assert [t.configuration["learning_rate"] for t in trials].count(rate) == 1


class TestHyperband(OnRanges):
    method = "hyperband"

    def test_some_configurations_begin_at_later_rungs(self, studies):
        begun = {}
        for trial in self.run(studies[0])[1:]:
            chosen = (trial.configuration["learning_rate"], trial.configuration["momentum"])
            begun.setdefault(chosen, trial.configuration["epochs"])

        assert set(begun.values()) > {1, 3}
        assert set(begun.values()) <= {1, 3, 9, 27}


def best(trials):
    return max(t.value("valid_accuracy") for t in trials if t.status is Status.OK)


def test_halving_finds_a_better_one_than_random_search_at_equal_epochs(tmp_path):
    """The 95 % bootstrap interval of the mean over 100 seeds, in points of a made-up accuracy."""
    halving, drawing = (studies(tmp_path, method)[0] for method in ("asha", "random"))
    gains = np.array(
        [
            best(run(halving._replace(seed=seed))) - best(run(drawing._replace(seed=seed)))
            for seed in range(100)
        ]
    )

    drawn = np.random.default_rng(0).choice(gains, (2000, len(gains))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])

    assert 0.3 < low < gains.mean() < high < 1.4


# Where it is refused


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            ", resource: {parameter: epochs, at_most: 108}",
            "",
            "method 'asha': the budget of net-w4a4-epyc-zen4-2core-qat names no resource",
        ),
        (
            "{int: {low: 1, high: 27}, default: 27}",
            "{int: {low: 10, high: 27}, default: 27}",
            "epochs is a whole number from 10 to 27: with reduction_factor 3 that is one rung",
        ),
        (
            "{int: {low: 1, high: 27}, default: 27}",
            "{float: {low: 1.0, high: 27.0}, default: 27.0}",
            "budget: resource: 'epochs' is no parameter of the space whose values are whole",
        ),
        (
            "parameter: epochs, at_most",
            "parameter: epoch, at_most",
            "budget: resource: 'epoch' is no parameter of the space: it has learning_rate",
        ),
        ("at_most: 108", "at_most: 26", "at_most is 26, and the default alone takes 27"),
        (
            "optimizer: asha}",
            "optimizer: asha, options: {reduction_factor: 1}}",
            "method 'asha': options: reduction_factor: 1 is below 2",
        ),
    ],
)
def test_a_cell_without_rungs_is_refused_in_one_line(tmp_path, cli, old, new, said):
    path = tmp_path / "ranges.yaml"
    assert old in RANGES
    path.write_text(RANGES.replace(old, new))

    done = cli("suite", "validate", path, "--project", REPOSITORY)

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_list_of_whole_numbers_has_rungs_too(tmp_path):
    text = RANGES.replace(
        "{int: {low: 1, high: 27}, default: 27}", "{choices: [2, 5, 8, 40], default: 8}"
    )
    study = studies(tmp_path, "asha", text)[0]

    assert optimizer(study, None, REPOSITORY / "prompts").settings["rungs"] == "2, 8, 40"
    assert {t.configuration["epochs"] for t in run(study)[1:]} >= {2, 8}
