"""Restarted hill climbing: try the neighbours of the best configuration of this climb; when none is
left, start anew somewhere else.

A neighbour differs in one parameter: by one step where the choices are numbers, by any other choice
where they are names.
"""

from collections.abc import Iterator, Sequence

from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.seeding import generator
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, SearchSpace, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Objective, Trial

STRIDE = 1 / 8
"""How far a neighbour is in a range, as a share of its scale."""


class LocalSearch:
    """Climbs from the default. Where it stands is read off the history; the order of neighbours off
    (seed, trial).
    """

    start_up = 0

    def __init__(self, study: Study) -> None:
        self.space, self.objective, self.seed = study.cell.space, study.cell.objective, study.seed
        self.settings = settled(study)

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        tried = {t.key for t in history if t.key is not None}
        if len(tried) == self.space.size:
            return None
        rng = generator(self.seed, len(history))
        options = _untried(self.space, self._summit(history), tried)
        if options:
            return Proposal(rng.choice(options))
        while key_of(configuration := self.space.sample(rng)) in tried:
            pass
        return Proposal(configuration)

    def _summit(self, history: Sequence[Trial]) -> Trial:
        """The best trial of the climb that is under way: a climb ends when no neighbour of its best
        is untried.
        """
        summit, tried = history[0], set[str]()
        for trial in history:
            if trial.key is None:
                continue
            stuck = bool(tried) and not _untried(self.space, summit, tried)
            if stuck or better(self.objective, trial, summit, history[0]):
                summit = trial
            tried.add(trial.key)
        return summit


def better(objective: Objective, one: Trial, other: Trial, default: Trial) -> bool:
    """Whether `one` is measured, breaks no constraint, and scores higher than `other` (or `other`
    does not count).
    """
    score, reference = (
        None if objective.violations(t, default) else objective.score(t) for t in (one, other)
    )
    return score is not None and (reference is None or score > reference)


def neighbours(space: SearchSpace, configuration: Configuration) -> Iterator[Configuration]:
    """The configurations that differ from this one in one parameter."""
    for name, parameter in space.root.items():
        for value in parameter.beside(configuration[name], STRIDE):
            moved = {**configuration, name: value}
            if not space.broken(moved):
                yield moved


def _untried(space: SearchSpace, trial: Trial, tried: set[str]) -> list[Configuration]:
    around = neighbours(space, trial.configuration) if trial.configuration is not None else ()
    return [c for c in around if key_of(c) not in tried]
