"""A rule-based tuner with the agent's feedback and no LLM: what HAQA's referees asked for as a
control.

First the rules, each a first guess for one parameter from the hardware's facts, tried on top of the
best configuration so far; then one parameter at a time, any choice that is untried around the best.
It draws no random numbers, so all its seeds are one study.
"""

from collections.abc import Iterator, Sequence

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.optimizers.local_search import neighbours
from haqa_bench.optimizers.options import settled
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Trial


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
        best = self.cell.objective.best(history) or history[0]
        start = best.configuration or self.cell.space.default
        for configuration, why in _steps(self.cell, start):
            if key_of(configuration) not in tried:
                return Proposal(configuration, thought=why)
        return None


def _steps(cell: Cell, start: Configuration) -> Iterator[tuple[Configuration, str]]:
    space = cell.space
    for name, value, why in tracks.of(cell).rules(cell.hardware):
        if name in space.root and start[name] != value:
            moved = {**start, name: value}
            if not space.problems(moved):
                yield moved, why
    for configuration in neighbours(space, start):
        yield configuration, "a neighbour of the best"
