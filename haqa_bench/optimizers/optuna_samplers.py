"""Bayesian optimisation (TPE) and NSGA-II, by Optuna, set up for small budgets.

Optuna's defaults draw the first 10 trials (TPE) or 50 (NSGA-II) at random: most of a short study,
or all of it. Here start-up and population are scaled to the budget, and a proposal that was tried
already, or breaks a limit, is drawn anew a few times, then at random: a repeat costs as much as a
new trial and teaches nothing. Each trial's sampler is seeded by (seed, trial) alone and the history
is told again, so that a resumed study goes on as if it had never stopped. Failed configurations and
broken constraints are told as constraint violations.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence

import optuna

from haqa_bench.documents import sha256
from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.optimizers.untried import spent
from haqa_bench.parameters import Choices, FloatRange, IntRange, Parameter, Range
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Trial

optuna.logging.set_verbosity(optuna.logging.WARNING)
REDRAWS = 20


class Sampled:
    """An Optuna study that is told a history; `sampler` makes the one that proposes, from a
    seed.
    """

    def __init__(
        self,
        study: Study,
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        settings: Mapping[str, Scalar],
        start_up: int,
    ) -> None:
        self.sampler, self.settings, self.start_up = sampler, settings, start_up
        self.space, self.objective, self.seed = study.cell.space, study.cell.objective, study.seed
        self.distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: _distribution(p) for name, p in self.space.root.items()
        }
        self.random = RandomSearch(
            study._replace(method=study.method.model_copy(update={"options": {}}))
        )
        self._told: list[Trial] = []
        self._study = self._new_study()

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. None when the whole space has been tried."""
        if self._told != list(history[: len(self._told)]):
            self._told, self._study = [], self._new_study()
        for trial in history[len(self._told) :]:
            self._tell(trial, history)
        tried = {t.key for t in history}
        if spent(self.space, tried):
            return None
        redraws = int(self.settings["redraws"])
        for draw in range(redraws + 1):
            configuration = self._drawn(len(history), draw)
            if key_of(configuration) not in tried and not self.space.broken(configuration):
                return Proposal(configuration)
        return self.random.ask(history) if redraws else Proposal(configuration)

    def _new_study(self) -> optuna.Study:
        directions = [optuna.study.StudyDirection.MAXIMIZE] * len(self.objective.goals)
        return optuna.create_study(directions=directions, sampler=self.sampler(0))

    def _drawn(self, number: int, draw: int) -> Configuration:
        seed = sha256({"seed": self.seed, "trial": number, "draw": draw})
        self._study.sampler = self.sampler(int(seed[:8], 16))
        asked = self._study.ask(self.distributions)
        failed = optuna.trial.TrialState.FAIL  # what becomes of it is told with the history
        self._study.tell(asked, state=failed)
        return {name: _value(p, asked.params[name]) for name, p in self.space.root.items()}

    def _tell(self, trial: Trial, history: Sequence[Trial]) -> None:
        """Asks for the trial's own configuration, which draws nothing, then tells what became of
        it. Invalid proposals teach nothing.
        """
        self._told.append(trial)
        if trial.configuration is None:
            return
        self._study.enqueue_trial(
            {name: _place(p, trial.configuration[name]) for name, p in self.space.root.items()}
        )
        asked = self._study.ask(self.distributions)
        self._count_generation()
        scores = self.objective.scores(trial)
        asked.set_constraint("not measured", 1.0 if scores is None else 0.0)
        for constraint in self.objective.constraints:
            asked.set_constraint(constraint.words, constraint.excess(trial, history[0]) or 0.0)
        self._study.tell(asked, scores if scores is not None else self._worst())

    def _count_generation(self) -> None:
        """Puts the enqueued trial in a generation. Without one, NSGA-II is random search; without
        parents that were chosen by then, a resumed study has them in another order.
        """
        sampler = self._study.sampler
        if isinstance(sampler, optuna.samplers.BaseGASampler):
            last = self._study.get_trials(deepcopy=False)[-1]
            generation = sampler.get_trial_generation(self._study, last)
            sampler.get_parent_population(self._study, generation)

    def _worst(self) -> Sequence[float]:
        """The worst scores told so far, goal by goal: what a trial without any is told with."""
        known = [s for t in self._told if (s := self.objective.scores(t)) is not None]
        return (
            [min(of_goal) for of_goal in zip(*known, strict=True)]
            if known
            else [0.0] * len(self.objective.goals)
        )


def _distribution(parameter: Parameter) -> optuna.distributions.BaseDistribution:
    """Ranges as they are, choices by their places."""
    known = optuna.distributions
    if isinstance(parameter, IntRange):
        bounds = parameter.bounds
        return known.IntDistribution(bounds.low, bounds.high, bounds.log, bounds.step)
    if isinstance(parameter, FloatRange):
        return known.FloatDistribution(*_ends(parameter), parameter.bounds.log)
    if parameter.ordered:
        return known.IntDistribution(0, parameter.size - 1)
    return known.CategoricalDistribution(range(parameter.size))


def _ends(parameter: FloatRange) -> tuple[float, float]:
    return parameter.bounds.low, parameter.bounds.high


def _place(parameter: Parameter, value: Scalar) -> Scalar:
    """A value as its distribution has it."""
    return parameter.choices.index(value) if isinstance(parameter, Choices) else value


def _value(parameter: Parameter, place: int | float) -> Scalar:
    """The value at a place of its distribution."""
    if isinstance(parameter, Choices):
        return parameter.choices[int(place)]
    return parameter.kept(place) if isinstance(parameter, Range) else place


def tpe(study: Study) -> Sampled:
    """Tree-structured Parzen estimator; a quarter of the budget is random start-up."""
    start_up = max(3, study.cell.budget.proposals // 4)
    settings = settled(
        study, n_startup_trials=start_up, multivariate=True, n_ei_candidates=24, redraws=REDRAWS
    )
    own = {name: value for name, value in settings.items() if name != "redraws"}
    return Sampled(
        study,
        lambda seed: optuna.samplers.TPESampler(seed=seed, **own),
        settings,
        int(settings["n_startup_trials"]),
    )


def nsga2(study: Study) -> Sampled:
    """NSGA-II with a population of about the square root of the budget, so that there are as many
    generations as members; where there is a range, of the cube root, since there it has further to
    go. Its crossover blends ranges (BLX-alpha, Eshelman and Schaffer 1993) and exchanges choices.
    """
    finite = study.cell.space.finite
    size = max(4, round(study.cell.budget.proposals ** (1 / 2 if finite else 1 / 3)))
    settings = settled(
        study, population_size=size, crossover_prob=0.9, swapping_prob=0.5, redraws=REDRAWS
    )
    own = {name: value for name, value in settings.items() if name != "redraws"}
    crossover = None if finite else _blended()
    return Sampled(
        study,
        lambda seed: optuna.samplers.NSGAIISampler(seed=seed, crossover=crossover, **own),
        settings,
        int(settings["population_size"]),
    )


def _blended() -> optuna.samplers.nsgaii.BaseCrossover:
    with warnings.catch_warnings():  # it is called experimental; the version is pinned
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.nsgaii.BLXAlphaCrossover()
