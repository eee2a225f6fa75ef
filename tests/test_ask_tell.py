"""`AskTell`: libraries that keep a history of their own behave as every optimizer must."""

import random
from typing import ClassVar

import optuna
import pytest

import haqa_bench as hb
from haqa_bench.run.contract.small import SmallDevice, small_studies
from haqa_bench.run.study import run_study
from haqa_bench.testing import OptimizerContract
from haqa_bench.trial import Status


class Evolution(hb.AskTell):
    """A (1+1) evolution strategy by hand: its random numbers go on from suggestion to suggestion,
    which only a base that tells everything again can resume.
    """

    settings: ClassVar = {"rate": 0.5}

    def start(self, study):
        self.space, self.random = study.cell.space, random.Random(study.seed)
        self.best, self.score = study.cell.space.default, float("-inf")

    def suggest(self):
        drawn, rate = self.space.sample(self.random), self.settings["rate"]
        return {n: drawn[n] if self.random.random() < rate else v for n, v in self.best.items()}

    def observe(self, configuration, score, trial):
        if score is not None and score > self.score:
            self.best, self.score = configuration, score


class Optuna(hb.AskTell):
    """A library as it is: its study is asked and told, and keeps its own random state."""

    only_choices = True

    def start(self, study):
        sampler = optuna.samplers.TPESampler(seed=study.seed, n_startup_trials=2)
        self.library = optuna.create_study(direction="maximize", sampler=sampler)
        self.space = {
            name: optuna.distributions.CategoricalDistribution(p.choices)
            for name, p in study.cell.space.root.items()
        }

    def suggest(self):
        self.asked = self.library.ask(self.space)
        return self.asked.params

    def observe(self, configuration, score, trial):
        if trial.number == 0:
            known = optuna.trial.create_trial(
                params=dict(configuration), distributions=self.space, value=score
            )
            self.library.add_trial(known)
        else:
            self.library.tell(self.asked, self.worst if score is None else score)


class TestEvolution(OptimizerContract):
    def make(self, study, chat):
        return Evolution(study)


class TestOptuna(OptimizerContract):
    def make(self, study, chat):
        return Optuna(study)


class Told(hb.AskTell):
    """Says in which order it was called, and with what."""

    plan: ClassVar = [
        {"format": "Q4_0", "n_threads": 2},
        {"format": "Q9", "n_threads": 2},
        {"format": "IQ4_NL", "n_threads": 1},
        {"format": "Q4_0", "n_threads": 2},
    ]

    def start(self, study):
        self.calls = ["start"]
        self.suggested = iter(self.plan)

    def suggest(self):
        self.calls.append("suggest")
        return next(self.suggested, None)

    def observe(self, configuration, score, trial):
        told = (trial.number, configuration.get("format"), score, trial.status.value)
        self.calls.append((*told, trial.repeat_of, self.worst))


@pytest.fixture
def study(tmp_path):
    return small_studies(tmp_path)[0]


def test_each_trial_is_told_once_with_what_became_of_it(study):
    told = Told(study)

    trials = list(run_study(study, told, SmallDevice(), ()))
    told.ask(trials)

    assert told.calls == [
        "start",
        (0, "Q4_1", 60.0, "ok", None, 60.0),
        "suggest",
        (1, "Q4_0", None, "ok", None, 60.0),  # breaks the constraint, so it does not count
        "suggest",
        (2, "Q9", None, "invalid", None, 60.0),  # what was suggested, though it is outside
        "suggest",
        (3, "IQ4_NL", None, "crashed", None, 60.0),
        "suggest",
        (4, "Q4_0", None, "ok", 1, 60.0),
        "suggest",
    ]


def test_a_fresh_object_goes_through_the_same_order(study):
    lived, fresh = Told(study), Told(study)
    trials = list(run_study(study, lived, SmallDevice(), ()))
    lived.ask(trials)

    fresh.ask(trials)

    assert fresh.calls == lived.calls


def test_another_s_history_starts_it_anew(study):
    one = Told(study)
    trials = list(run_study(study, one, SmallDevice(), ()))
    one.ask(trials)

    one.ask(trials[:2])

    assert one.calls == ["start", *calls_of_a_fresh_one(trials[:2], study)]


def calls_of_a_fresh_one(trials, study):
    fresh = Told(study)
    fresh.ask(trials)
    return fresh.calls[1:]


def test_asked_twice_it_suggests_once(study):
    one = Told(study)
    trials = list(run_study(study, Told(study), SmallDevice(), ()))

    assert one.ask(trials[:1]) == one.ask(trials[:1])
    assert one.calls.count("suggest") == 1


def test_none_ends_a_study(study):
    class Two(Told):
        plan: ClassVar = Told.plan[:2]

    assert len(list(run_study(study, Two(study), SmallDevice(), ()))) == 3


def test_a_long_study_suggests_and_observes_once_a_trial(study):
    class Counting(Evolution):
        count = 0

        def suggest(self):
            Counting.count += 1
            return super().suggest()

    budget = study.cell.budget.model_copy(update={"proposals": 300})
    long = study._replace(cell=study.cell.model_copy(update={"budget": budget}))
    trials = list(run_study(long, Counting(long), SmallDevice(), ()))

    assert len(trials) == 300
    assert Counting.count == 299
    resumed = list(run_study(long, Counting(long), SmallDevice(), trials[:200]))
    assert resumed == trials[200:]
    assert Counting.count == 2 * 299


def test_histories_that_it_did_not_propose_are_told_as_they_are(study):
    other = study._replace(seed=7)
    theirs = list(run_study(other, Evolution(other), SmallDevice(), ()))

    class Seen(Evolution):
        def start(self, study):
            super().start(study)
            self.seen = []

        def observe(self, configuration, score, trial):
            super().observe(configuration, score, trial)
            self.seen.append(configuration)

    seen = Seen(study)
    seen.ask(theirs)

    assert seen.seen == [trial.configuration for trial in theirs]


def test_options_of_a_suite_change_its_settings_and_wrong_ones_are_told(study):
    def with_options(**options):
        return study._replace(method=study.method.model_copy(update={"options": options}))

    assert Evolution(with_options(rate=0.9)).settings["rate"] == 0.9
    with pytest.raises(hb.HaqaError, match="unknown option 'rat'"):
        Evolution(with_options(rat=0.9))
    assert Evolution(study).settings == {"rate": 0.5}
    assert Evolution.settings == {"rate": 0.5}


def test_scores_are_larger_for_better_whatever_the_direction(study):
    objective = study.cell.objective.model_copy(update={"direction": "minimize"})
    turned = study._replace(cell=study.cell.model_copy(update={"objective": objective}))
    told = Told(turned)

    list(run_study(turned, told, SmallDevice(), ()))

    assert told.calls[1][:3] == (0, "Q4_1", -60.0)


def test_what_it_suggests_may_hold_another_library_s_numbers(study):
    np = pytest.importorskip("numpy")

    class Numpy(Told):
        plan: ClassVar = [{"format": np.str_("Q4_0"), "n_threads": np.int64(2)}]

    trials = list(run_study(study, Numpy(study), SmallDevice(), ()))

    assert trials[1].status is Status.OK
    assert type(trials[1].configuration["n_threads"]) is int


def test_what_suggests_no_mapping_is_told(study):
    class Wrong(Told):
        plan: ClassVar = [("Q4_0", 2)]

    with pytest.raises(hb.HaqaError, match="suggest gave a tuple, not a configuration or None"):
        list(run_study(study, Wrong(study), SmallDevice(), ()))


def test_what_it_is_handed_is_its_own(study):
    class Careless(Evolution):
        def suggest(self):
            self.kept = dict(super().suggest())
            return self.kept

        def observe(self, configuration, score, trial):
            super().observe(dict(configuration), score, trial)
            configuration.clear()
            getattr(self, "kept", {}).clear()

    careful = list(run_study(study, Evolution(study), SmallDevice(), ()))
    assert list(run_study(study, Careless(study), SmallDevice(), ())) == careful


def test_a_base_without_its_three_methods_is_told_when_it_is_made(study):
    with pytest.raises(NotImplementedError, match="Empty has no start"):
        type("Empty", (hb.AskTell,), {})(study)
