"""Restarted hill climbing: try the neighbours of the best configuration of this climb; when none is
left, start anew somewhere else.

A neighbour differs in one parameter: by one step where the choices are numbers, by any other choice
where they are names, by a stride in a range. Where no neighbour is better, the stride is halved,
until the rounded values of the ranges have no others between.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.seeding import generator
from haqa_bench.optimizers.untried import spent, untried
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, SearchSpace, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Objective, Trial

STRIDE = 1 / 4
"""How far a neighbour is in a range at first, as a share of its scale."""
HALVINGS = 7
"""Of the stride, before a climb ends: to about a thousandth of a scale."""


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
        if spent(self.space, tried):
            return None
        rng = generator(self.seed, len(history))
        options = self._climb(history).left(self.space, tried).options
        if options:
            return Proposal(rng.choice(options))
        found = untried(self.space, tried, rng)
        return None if found is None else Proposal(found)

    def _climb(self, history: Sequence[Trial]) -> "Climb":
        """The climb that is under way: one ends when no neighbour of its best is untried, at any
        stride. After a better one is found, the stride stays as it is.
        """
        climb, tried = Climb(history[0], strides(self.space)), set[str]()
        for trial in history:
            if trial.key is None:
                continue
            left = climb.left(self.space, tried) if tried else None
            if left and not left.options:
                climb = Climb(trial, strides(self.space))
            elif better(self.objective, trial, climb.summit, history[0]):
                climb = Climb(trial, left.strides if left else climb.strides)
            tried.add(trial.key)
        return climb


class Left(NamedTuple):
    """The neighbours of a summit that are untried, at the longest stride that has any, and that
    stride with all shorter ones.
    """

    options: Sequence[Configuration]
    strides: Sequence[float]


class Climb(NamedTuple):
    """The best trial of a climb, and the strides that are left to go from it."""

    summit: Trial
    strides: Sequence[float]

    def left(self, space: SearchSpace, tried: set[str]) -> Left:
        """What is untried around the summit."""
        here = self.summit.configuration
        for place, stride in enumerate(self.strides if here is not None else ()):
            around = neighbours(space, here, stride) if here is not None else ()
            if options := [c for c in around if key_of(c) not in tried]:
                return Left(options, self.strides[place:])
        return Left((), ())


def better(objective: Objective, one: Trial, other: Trial, default: Trial) -> bool:
    """Whether `one` is measured, breaks no constraint, and scores higher than `other` (or `other`
    does not count).
    """
    score, reference = (
        None if objective.violations(t, default) else objective.score(t) for t in (one, other)
    )
    return score is not None and (reference is None or score > reference)


def neighbours(
    space: SearchSpace, configuration: Configuration, stride: float = STRIDE
) -> Iterator[Configuration]:
    """The configurations that differ from this one in one parameter."""
    for name, parameter in space.root.items():
        for value in parameter.beside(configuration[name], stride):
            moved = {**configuration, name: value}
            if not space.broken(moved):
                yield moved


def strides(space: SearchSpace) -> Sequence[float]:
    """How far neighbours are, in turn; of choices, all are there at once."""
    return (STRIDE,) if space.finite else [STRIDE / 2**n for n in range(HALVINGS + 1)]
