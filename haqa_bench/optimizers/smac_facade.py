"""Bayesian optimisation with random forests, by SMAC3 (the extra `smac`).

SMAC is told the history anew at each ask, and seeded by (seed, trial), so that a resumed study goes
on as if it had never stopped.
"""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ConfigSpace
import smac
from ConfigSpace.hyperparameters import Hyperparameter

from haqa_bench.documents import sha256
from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.parameters import Choices, FloatRange, IntRange, Parameter, Range
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Trial

logging.getLogger("smac").setLevel(logging.WARNING)


class Smac:
    """Draws `n_startup_trials` at random, then asks SMAC's hyperparameter optimisation facade. It
    goes by the first goal.

    SMAC knows no constraints: what breaks one, or could not be measured, is told as the worst score
    so far.
    """

    def __init__(self, study: Study) -> None:
        self.space, self.objective, self.seed = study.cell.space, study.cell.objective, study.seed
        self.budget = study.cell.budget.proposals
        self.settings = settled(study, n_startup_trials=max(3, self.budget // 4), redraws=20)
        self.start_up = int(self.settings["n_startup_trials"])
        self.random = RandomSearch(
            study._replace(method=study.method.model_copy(update={"options": {}}))
        )
        self.configspace = ConfigSpace.ConfigurationSpace(
            {name: _hyperparameter(name, p) for name, p in self.space.root.items()}
        )

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. None when the whole space has been tried."""
        if len(history) < self.start_up:
            return self.random.ask(history)
        tried = {t.key for t in history}
        if len(tried - {None}) == self.space.size:
            return None
        with tempfile.TemporaryDirectory() as folder:
            facade = self._told(history, Path(folder))
            for _ in range(int(self.settings["redraws"]) + 1):
                asked = dict(facade.ask().config)
                configuration = {
                    name: _value(p, asked[name]) for name, p in self.space.root.items()
                }
                if key_of(configuration) not in tried and not self.space.broken(configuration):
                    return Proposal(configuration)
        return self.random.ask(history)

    def _told(
        self, history: Sequence[Trial], folder: Path
    ) -> "smac.HyperparameterOptimizationFacade":
        seed = int(sha256({"seed": self.seed, "trial": len(history), "of": "smac"})[:7], 16)
        scenario = smac.Scenario(
            self.configspace,
            deterministic=True,
            n_trials=10 * self.budget,
            seed=seed,
            output_directory=folder,
        )
        facade = smac.HyperparameterOptimizationFacade(
            scenario,
            lambda config, seed=0: 0.0,
            initial_design=smac.HyperparameterOptimizationFacade.get_initial_design(
                scenario, n_configs=0, additional_configs=[]
            ),
            logging_level=False,
            overwrite=True,
        )
        for trial in history:
            if trial.configuration is not None and trial.repeat_of is None:
                info = smac.runhistory.TrialInfo(
                    ConfigSpace.Configuration(self.configspace, self._places(trial.configuration)),
                    seed=0,
                )
                facade.tell(info, smac.runhistory.TrialValue(cost=-self._score(trial, history)))
        return facade

    def _places(self, configuration: Configuration) -> dict[str, int | float]:
        return {name: _place(p, configuration[name]) for name, p in self.space.root.items()}

    def _score(self, trial: Trial, history: Sequence[Trial]) -> float:
        score = self.objective.score(trial)
        if score is not None and not self.objective.violations(trial, history[0]):
            return score
        return min((s for t in history if (s := self.objective.score(t)) is not None), default=0.0)


def _hyperparameter(name: str, parameter: Parameter) -> Hyperparameter:
    """Real ranges as they are; choices, and whole numbers in steps, by their places."""
    if isinstance(parameter, FloatRange):
        bounds = parameter.bounds
        return ConfigSpace.Float(name, (bounds.low, bounds.high), log=bounds.log)
    if isinstance(parameter, IntRange) and parameter.bounds.log:
        return ConfigSpace.Integer(name, (parameter.bounds.low, parameter.bounds.high), log=True)
    if parameter.ordered and parameter.size > 1:
        return ConfigSpace.Integer(name, (0, parameter.size - 1))
    return ConfigSpace.Categorical(name, list(range(parameter.size)))


def _place(parameter: Parameter, value: Scalar) -> int | float:
    """A value as its hyperparameter has it."""
    if isinstance(parameter, Choices):
        return parameter.choices.index(value)
    if isinstance(parameter, IntRange) and not parameter.bounds.log:
        return (int(value) - parameter.bounds.low) // parameter.bounds.step
    return float(value) if isinstance(parameter, FloatRange) else int(value)


def _value(parameter: Parameter, place: int | float) -> Scalar:
    """The value that a hyperparameter stands for."""
    if isinstance(parameter, Choices):
        return parameter.choices[int(place)]
    if isinstance(parameter, IntRange) and not parameter.bounds.log:
        return parameter.bounds.low + int(place) * parameter.bounds.step
    return parameter.kept(float(place)) if isinstance(parameter, Range) else int(place)
