"""A rule-based tuner with the agent's feedback and no LLM: what HAQA's referees asked for as a
control.

First the rules, each a first guess for one parameter from the hardware's facts, tried on top of the
best configuration so far; then one parameter at a time, any choice that is untried around the best.
When none is left there, it goes on from the next best in the same way, until the budget is spent or
the whole space is measured. It draws no random numbers, so all its seeds are one study.
"""

import math
from collections.abc import Iterator, Sequence

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.optimizers.local_search import neighbours, strides
from haqa_bench.optimizers.options import settled
from haqa_bench.parameters import Parameter, Range
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar, SearchSpace, key_of
from haqa_bench.study import Study
from haqa_bench.tracks import End
from haqa_bench.trial import Objective, Trial


class Rules:
    """Coordinate steps from hardware facts."""

    start_up = 0

    def __init__(self, study: Study) -> None:
        self.cell, self.settings = study.cell, settled(study)

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        tried = {t.key for t in history}
        sure = tracks.of(self.cell).answer(self.cell)
        if sure is not None:
            thought = "weights and cache added up, and 5 %"
            return None if key_of(sure) in tried else Proposal(sure, thought=thought)
        for configuration, why in _steps(self.cell, history):
            if key_of(configuration) not in tried:
                return Proposal(configuration, thought=why)
        return None


def _steps(cell: Cell, history: Sequence[Trial]) -> Iterator[tuple[Configuration, str]]:
    for place, start in enumerate(_best_first(cell.objective, history)):
        which = "a neighbour of a lesser one" if place else "a neighbour of the best"
        yield from _guesses(cell, start)
        for stride in strides(cell.space):
            for configuration in neighbours(cell.space, start, stride):
                yield configuration, which
    for configuration in cell.space.every() if cell.space.small else ():
        yield configuration, "nobody's neighbour"  # a limit may cut a space in parts


def _guesses(cell: Cell, start: Configuration) -> Iterator[tuple[Configuration, str]]:
    """A configuration as the track's rules change it, one rule at a time. In a range, a guess is
    rounded, and one beyond an end is that end.
    """
    space = cell.space
    for name, value, why in tracks.of(cell).priors(cell):
        if name not in space.root:
            continue
        moved = {**start, name: _meant(space, start, name, value)}
        if start[name] != moved[name] and not space.problems(moved):
            yield moved, why


def _meant(space: SearchSpace, start: Configuration, name: str, value: Scalar | End) -> Scalar:
    """The value that a rule means in a configuration."""
    parameter = space.root[name]
    if not isinstance(value, End):
        return _within(parameter, value)
    every = [*parameter.every()]
    outermost = reversed(every) if value is End.MOST else every
    return next((v for v in outermost if not space.broken({**start, name: v})), start[name])


def _within(parameter: Parameter, value: Scalar) -> Scalar:
    """The value of a range that is next to a number; all else as it is."""
    if not isinstance(parameter, Range) or isinstance(value, bool | str):
        return value
    return parameter.kept(value)


def _best_first(objective: Objective, history: Sequence[Trial]) -> list[Configuration]:
    """What was tried, the best first; what failed or breaks a constraint last, as it was tried."""

    def place(trial: Trial) -> float:
        score = objective.score(trial)
        counts = score is not None and not objective.violations(trial, history[0])
        return -score if score is not None and counts else math.inf

    return [t.configuration for t in sorted(history, key=place) if t.configuration is not None]
