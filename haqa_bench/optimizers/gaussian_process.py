"""Bayesian optimisation with a Gaussian process over the untried rest of a finite space.

Two processes with a Matern kernel (nu = 5/2, one length scale per parameter): one of the score, one
of whether a configuration can be measured and keeps the constraints (+1 or -1). The next proposal
has the largest expected improvement times the probability of being feasible (Schonlau, Welch and
Jones, 1998). Several goals are made one by random weights, anew for each trial (ParEGO, Knowles
2006).
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.optimizers.seeding import generator
from haqa_bench.parameters import Choices
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, SearchSpace, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Objective, Trial

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]
RHO = 0.05
"""ParEGO's weight of the sum beside the largest weighted term."""


class GaussianProcess:
    """Draws `n_startup_trials` at random, then proposes where improvement is expected. None when
    the whole space has been tried.
    """

    def __init__(self, study: Study) -> None:
        self.space, self.objective, self.seed = study.cell.space, study.cell.objective, study.seed
        self.settings = settled(
            study, n_startup_trials=max(3, study.cell.budget.proposals // 4), candidates=1000
        )
        self.start_up = int(self.settings["n_startup_trials"])
        self.random = RandomSearch(
            study._replace(method=study.method.model_copy(update={"options": {}}))
        )

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        known = _known(self.objective, history)
        tried = {t.key for t in history}
        rng = generator(self.seed, len(history), "gp")
        candidates = _untried(self.space, tried, int(self.settings["candidates"]), rng)
        if len(history) < self.start_up or not known.feasible.any() or not candidates:
            return self.random.ask(history)
        # The matrices are small, and other studies may want the other cores.
        with _threads().limit(limits=1):
            worth = self._worth(known, encoded(self.space, candidates), rng)
        return Proposal(candidates[int(np.argmax(worth))])

    def _worth(self, known: "Known", at: Floats, rng: random.Random) -> Floats:
        places = encoded(self.space, known.configurations)
        score = _scalar(known.scores, len(self.objective.goals), rng)
        measured = ~np.isnan(score)
        worth = _expected_improvement(
            places[measured], score[measured], score[known.feasible].max(), at
        )
        return worth if known.feasible.all() else worth * _probability(places, known.feasible, at)


class Known(NamedTuple):
    """The distinct configurations of a history; `scores` has a row for each and a column per goal,
    NaN where it was not measured.
    """

    configurations: Sequence[Configuration]
    scores: Floats
    feasible: NDArray[np.bool_]


def _known(objective: Objective, history: Sequence[Trial]) -> Known:
    trials = [t for t in history if t.configuration is not None and t.repeat_of is None]
    unknown = (float("nan"),) * len(objective.goals)
    scores = [objective.scores(t) for t in trials]
    return Known(
        configurations=[t.configuration for t in trials if t.configuration is not None],
        scores=np.array([unknown if s is None else s for s in scores]),
        feasible=np.array(
            [
                s is not None and not objective.violations(t, history[0])
                for s, t in zip(scores, trials, strict=True)
            ]
        ),
    )


def _untried(
    space: SearchSpace, tried: set[str | None], most: int, rng: random.Random
) -> list[Configuration]:
    """All that is untried of a small space; of a larger one, as many random draws as `most`."""
    if space.finite and space.size <= most:
        return [c for key, c in space.by_key.items() if key not in tried]
    drawn = [space.sample(rng) for _ in range(most)]
    return [c for c in drawn if key_of(c) not in tried]


def encoded(space: SearchSpace, configurations: Sequence[Configuration]) -> Floats:
    """Ordered choices as places in [0, 1], names as one coordinate each, at distance 1 from one
    another.
    """
    columns = []
    for name, parameter in space.root.items():
        if not isinstance(parameter, Choices):
            columns.append(np.array([[parameter.fraction(c[name])] for c in configurations]))
            continue
        place = np.array([parameter.choices.index(c[name]) for c in configurations])
        if parameter.ordered or len(parameter.choices) <= 2:
            columns.append(place[:, None] / max(len(parameter.choices) - 1, 1))
        else:
            columns.append(np.eye(len(parameter.choices))[place] / np.sqrt(2))
    return np.hstack(columns)


def _scalar(scores: Floats, goals: int, rng: random.Random) -> Floats:
    """One standardised score, larger is better: the only one, or ParEGO's augmented Tchebycheff sum
    of all.
    """
    spread = np.nanstd(scores, axis=0)
    standard = (scores - np.nanmean(scores, axis=0)) / np.where(spread > 0, spread, 1.0)
    if goals == 1:
        return np.asarray(standard[:, 0])
    weights = np.array([rng.expovariate(1.0) for _ in range(goals)])
    weighted = (standard - np.nanmax(standard, axis=0)) * weights / weights.sum()
    return np.asarray(weighted.min(axis=1) + RHO * weighted.sum(axis=1))


def _expected_improvement(places: Floats, scores: Floats, best: float, at: Floats) -> Floats:
    from scipy.special import ndtr

    from haqa_bench.optimizers.gaussian_regression import fit

    mean, deviation = fit(places, scores, fitted=True).predict(at)
    z = (mean - best) / deviation
    density = np.exp(-(z**2) / 2.0) / np.sqrt(2 * np.pi)
    return np.asarray((mean - best) * ndtr(z) + deviation * density)


def _probability(places: Floats, feasible: NDArray[np.bool_], at: Floats) -> Floats:
    """Of being feasible. The kernel's scales stay as they are: there is little to fit them to."""
    from scipy.special import ndtr

    from haqa_bench.optimizers.gaussian_regression import fit

    mean, deviation = fit(places, np.where(feasible, 1.0, -1.0), fitted=False).predict(at)
    return np.asarray(ndtr(mean / deviation))


@cache
def _threads() -> "ThreadpoolController":
    """The thread pools of this process' numerical libraries, which take long to find."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
