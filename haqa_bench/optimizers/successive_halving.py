"""Successive halving: many configurations are trained for a little, the better of them for longer.

The budget's resource says how long a trial trains (`num_epochs`, `max_steps`). Its range is divided
into rungs, each `reduction_factor` times the one before, up to the longest. A configuration is
drawn at random and tried at its first rung. As soon as it is among the best 1 / `reduction_factor`
of those that were tried there, it is tried at the next rung, as a trial of its own that trains anew
(ASHA, arXiv 1810.05934, algorithm 2). Hyperband (arXiv 1603.06560) begins some configurations at
later rungs, in case the first tell little.

Who goes on follows from the history alone. What diverged, could not be measured or breaks a
constraint goes no further. This is not Optuna's pruner, which decides at once, has no way back, and
lets its first configuration climb to the top: on short budgets that is no better than random search
(docs/LOG.md, 2026-11-28).
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from haqa_bench.cell import whole_numbers
from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.random_search import RandomSearch
from haqa_bench.optimizers.seeding import generator
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar, key_of
from haqa_bench.study import Study
from haqa_bench.trial import Trial

FACTOR = 3
"""How many times longer the next rung trains, and of how many one goes on: Hyperband's paper."""
Tried = Mapping[int, Mapping[str, Trial]]
"""The trials at each rung, by their configuration without how long it trains."""


class Halving:
    """Proposes configurations at the rungs of the budget's resource; `brackets` are the rungs at
    which configurations begin, each with how many of so many do.
    """

    start_up = 0

    def __init__(self, study: Study, only_first: bool) -> None:
        """Raises HaqaError where the budget names no resource, or its range has one rung alone."""
        own = settled(study, reduction_factor=FACTOR, redraws=20)
        self.cell, self.seed, self.factor = study.cell, study.seed, int(own["reduction_factor"])
        self.redraws = int(own["redraws"])
        self.parameter, self.rungs = _rungs(study, self.factor)
        self.settings: Mapping[str, Scalar] = {**own, "rungs": ", ".join(map(str, self.rungs))}
        shares = _shares(len(self.rungs), self.factor)
        self.begin = dict(list(shares.items())[:1]) if only_first else shares
        self.random = RandomSearch(
            study._replace(method=study.method.model_copy(update={"options": {}}))
        )

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. None when the whole space has been tried."""
        known, budget = {t.key for t in history}, self.cell.budget
        spent = budget.spent(history)
        for configuration in self._promoted(history):
            if key_of(configuration) not in known and not budget.over(spent, configuration):
                return Proposal(configuration)
        return self._drawn(history)

    def _promoted(self, history: Sequence[Trial]) -> Iterator[Configuration]:
        """The configurations that may go on, at their next rungs; those that came furthest
        first.
        """
        brackets = [self._bracket(history, begun) for begun in self.begin]
        for rung in reversed(range(len(self.rungs) - 1)):
            for tried in brackets:
                here, further = tried.get(rung, {}), tried.get(rung + 1, {})
                best = sorted(here, key=lambda key: -self._score(here[key], history[0]))
                for key in best[: len(here) // self.factor]:
                    if key not in further and self._counts(here[key], history[0]):
                        yield from self._at(here[key].configuration or {}, self.rungs[rung + 1])

    def _bracket(self, history: Sequence[Trial], begun: int) -> Tried:
        """The trials of the configurations that began at a rung, and of no others."""
        found: dict[int, dict[str, Trial]] = {rung: {} for rung in range(len(self.rungs))}
        first: dict[str, int] = {}
        for trial in history:
            if trial.configuration is None or trial.repeat_of is not None:
                continue
            resource, key = trial.configuration[self.parameter], self._key(trial.configuration)
            rung = self.rungs.index(int(resource)) if resource in self.rungs else -1
            if first.setdefault(key, rung) == begun and rung >= 0:
                found[rung][key] = trial
        return found

    def _score(self, trial: Trial, default: Trial) -> float:
        """Its score; that of what goes no further is below all."""
        score = self.cell.objective.score(trial)
        return -math.inf if score is None or not self._counts(trial, default) else score

    def _counts(self, trial: Trial, default: Trial) -> bool:
        objective = self.cell.objective
        return objective.score(trial) is not None and not objective.violations(trial, default)

    def _at(self, configuration: Configuration, resource: int) -> Iterator[Configuration]:
        """The same, trained for so long, unless a limit forbids it."""
        found = {**configuration, self.parameter: resource}
        if not self.cell.space.broken(found):
            yield found

    def _drawn(self, history: Sequence[Trial]) -> Proposal | None:
        """Another configuration at the rung at which it begins, drawn at random."""
        known = {self._key(t.configuration) for t in history if t.configuration is not None}
        rng = generator(self.seed, len(history), f"{self.cell.id} halving")
        begin = self._fitting(history)
        (rung,) = rng.choices(list(begin), list(begin.values()))
        for _ in range(self.redraws + 1):
            for found in self._at(self.cell.space.sample(rng), self.rungs[rung]):
                if self._key(found) not in known:
                    return Proposal(found)
        return self.random.ask(history)

    def _fitting(self, history: Sequence[Trial]) -> Mapping[int, int]:
        """The rungs at which a configuration may begin with what is left; all where none fits."""
        spent, over = self.cell.budget.spent(history), self.cell.budget.over
        fit = {
            rung: share
            for rung, share in self.begin.items()
            if not over(spent, {self.parameter: self.rungs[rung]})
        }
        return fit or self.begin

    def _key(self, configuration: Configuration) -> str:
        """Equal for configurations that differ only in how long they train."""
        return key_of({n: v for n, v in configuration.items() if n != self.parameter})


def _rungs(study: Study, factor: int) -> tuple[str, Sequence[int]]:
    """The parameter that is the budget's resource, and its values at the rungs, the least first."""
    where, resource = f"method '{study.method.name}'", study.cell.budget.resource
    if factor < 2:
        raise HaqaError(f"{where}: options", f"reduction_factor: {factor} is below 2", "Give 3")
    if resource is None:
        what = (
            f"the budget of {study.cell.id} names no resource, which trials train less or more of"
        )
        todo = (
            "Name one, as budget: {proposals: 40, resource: {parameter: num_epochs, at_most: 120}}"
        )
        raise HaqaError(
            where, what, f"{todo}, or keep the method off the cell with tracks: or cells:"
        )
    values = whole_numbers(study.cell.space, resource.parameter)
    found = [values[-1]]
    while below := bisect_right(values, found[-1] // factor):
        found.append(values[below - 1])
    if len(found) == 1:
        what = f"{resource.parameter} is {study.cell.space.root[resource.parameter].said}"
        what = f"{what}: with reduction_factor {factor} that is one rung, and nothing to halve"
        raise HaqaError(
            where, f"{study.cell.id}: {what}", "Let it begin lower, or reduce the factor"
        )
    return resource.parameter, found[::-1]


def _shares(rungs: int, factor: int) -> Mapping[int, int]:
    """Of how many configurations how many begin at each rung, as Hyperband has it."""
    return {
        rung: math.ceil(rungs * factor ** (rungs - 1 - rung) / (rungs - rung))
        for rung in range(rungs)
    }


def asha(study: Study) -> Halving:
    """Asynchronous successive halving: every configuration begins at the first rung."""
    return Halving(study, only_first=True)


def hyperband(study: Study) -> Halving:
    """Hyperband: a share of the configurations begins at each rung."""
    return Halving(study, only_first=False)
