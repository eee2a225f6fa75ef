"""Bayesian optimisation (TPE) and NSGA-II, by Optuna, set up for small budgets.

Optuna's defaults draw the first 10 trials (TPE) or 50 (NSGA-II) at random: most of a short study, or all of it. Here start-up and
population are scaled to the budget. Each trial's sampler is seeded by (seed, trial) alone and the history is told again, so that a
resumed study goes on as if it had never stopped. Failed configurations and broken constraints are told as constraint violations.
"""

from collections.abc import Callable, Mapping, Sequence

import optuna

from haqa_bench.documents import sha256
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar
from haqa_bench.suite import Study
from haqa_bench.trial import Trial

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Sampled:
    """An Optuna study that is told a history; `sampler` makes the one that proposes, from a seed."""

    def __init__(self, study: Study, sampler: Callable[[int], optuna.samplers.BaseSampler]) -> None:
        self.sampler = sampler
        self.space, self.objective, self.seed = study.cell.space, study.cell.objective, study.seed
        self.distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.IntDistribution(0, len(p.choices) - 1)
            if all(isinstance(c, int | float) and not isinstance(c, bool) for c in p.choices)
            else optuna.distributions.CategoricalDistribution(range(len(p.choices)))
            for name, p in self.space.root.items()
        }
        self._told: list[Trial] = []
        self._study = self._new_study()

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        if self._told != list(history[: len(self._told)]):
            self._told, self._study = [], self._new_study()
        for trial in history[len(self._told) :]:
            self._tell(trial, history)
        asked = self._asked(len(history))
        self._study.tell(asked, state=optuna.trial.TrialState.FAIL)  # what becomes of it is told with the history
        return Proposal(self._configuration(asked.params))

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(direction="maximize", sampler=self.sampler(0))

    def _asked(self, number: int) -> optuna.Trial:
        self._study.sampler = self.sampler(int(sha256({"seed": self.seed, "trial": number})[:8], 16))
        return self._study.ask(self.distributions)

    def _tell(self, trial: Trial, history: Sequence[Trial]) -> None:
        """Asks for the trial's own configuration, then tells what became of it. Invalid proposals teach nothing."""
        self._told.append(trial)
        if trial.configuration is None:
            return
        self._study.enqueue_trial(self._indices(trial.configuration))
        asked = self._asked(trial.number)
        score = self.objective.score(trial)
        asked.set_constraint("not measured", 1.0 if score is None else 0.0)
        for constraint in self.objective.constraints:
            asked.set_constraint(constraint.metric, constraint.excess(trial, history[0]) or 0.0)
        scores = [s for t in self._told if (s := self.objective.score(t)) is not None]
        self._study.tell(asked, score if score is not None else min(scores, default=0.0))

    def _indices(self, configuration: Configuration) -> dict[str, int]:
        return {name: p.choices.index(configuration[name]) for name, p in self.space.root.items()}

    def _configuration(self, indices: Mapping[str, int]) -> dict[str, Scalar]:
        return {name: p.choices[indices[name]] for name, p in self.space.root.items()}


def tpe(study: Study) -> Sampled:
    """Tree-structured Parzen estimator; a quarter of the budget is random start-up."""
    start_up = max(3, study.cell.budget.proposals // 4)
    make = optuna.samplers.TPESampler
    return Sampled(
        study,
        lambda seed: make(n_startup_trials=start_up, multivariate=True, constant_liar=False, seed=seed),
    )


def nsga2(study: Study) -> Sampled:
    """NSGA-II with a population of about the square root of the budget, so that there are as many generations as members."""
    size = max(4, round(study.cell.budget.proposals**0.5))
    return Sampled(study, lambda seed: optuna.samplers.NSGAIISampler(population_size=size, seed=seed))
