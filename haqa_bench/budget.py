"""What a study may spend: ledgers of proposals, evaluations, seconds, for an LLM tokens and
dollars, and, where a parameter says how long a trial trains, a resource: epochs or steps.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from haqa_bench import curves
from haqa_bench.documents import Document
from haqa_bench.space import Configuration
from haqa_bench.trial import Trial


class Resource(Document):
    """A parameter of the space that says how long a trial trains, in whole numbers (epochs, steps),
    and how much of that a study may train in all.
    """

    parameter: str
    at_most: int = Field(ge=1)

    def due(self, configuration: Configuration) -> int:
        """How long a configuration is to be trained."""
        return int(configuration[self.parameter])

    def charged(self, trial: Trial, spent: int) -> int:
        """What a trial is charged after so much was spent: what it was to train; one that diverged,
        what it began of it, as far as that is known. Repeats, and what was never proposed, train
        nothing. What there was no room for takes what was left.
        """
        if trial.repeat_of is not None or trial.configuration is None:
            return 0
        taken = math.ceil(self.due(trial.configuration) * curves.share_trained(trial))
        return min(taken, self.at_most - spent)


class Spent(NamedTuple):
    """The ledgers of a study. Repeats, invalid proposals and replies that were cut off are
    proposals, but no evaluations.

    Seconds are those of evaluations and of the LLM, as measured or as recorded; what is not known
    counts as nothing.
    """

    proposals: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    tokens: int = 0
    dollars: float = 0.0
    resource: int = 0
    """In the unit of its parameter; 0 where the budget names none."""

    def after(self, trial: Trial, resource: Resource | None = None) -> "Spent":
        """The ledgers one trial later; `resource` is that of the budget."""
        usage = trial.usage
        return Spent(
            proposals=self.proposals + 1,
            evaluations=self.evaluations
            + (trial.repeat_of is None and not trial.status.unevaluated),
            seconds=self.seconds + (trial.seconds or 0.0) + (usage.seconds if usage else 0.0),
            tokens=self.tokens + (usage.tokens if usage else 0),
            dollars=self.dollars + ((usage.dollars or 0.0) if usage else 0.0),
            resource=self.resource + (resource.charged(trial, self.resource) if resource else 0),
        )


class Budget(Document):
    """A study ends when the first of its ledgers is empty. Only `proposals`, the default included,
    must be limited.
    """

    proposals: int = Field(ge=1)
    evaluations: int | None = Field(None, ge=1)
    seconds: float | None = Field(None, gt=0)
    reserve: float | None = Field(None, gt=0, exclude_if=lambda seconds: seconds is None)
    """Seconds beyond `seconds` that measuring a winner again takes. As long as the default is the
    best that was found there is no winner, and the search goes on in them.
    """
    tokens: int | None = Field(None, ge=1)
    dollars: float | None = Field(None, gt=0)
    resource: Resource | None = Field(None, exclude_if=lambda resource: resource is None)
    """What trainings may take in all. A proposal that would go beyond it is not tried, and ends its
    study.
    """

    def spent(self, trials: Iterable[Trial]) -> Spent:
        """What `trials` have spent of it."""
        return spent_by(trials, self.resource)

    def over(self, spent: Spent, configuration: Configuration) -> str:
        """Why there is no room for a configuration, in words; empty where there is."""
        if self.resource is None:
            return ""
        due, left = self.resource.due(configuration), self.resource.at_most - spent.resource
        what = f"{self.resource.parameter} is {due}, and {left} of {self.resource.at_most} are left"
        return what if due > left else ""

    def left(self, spent: Spent, *, reserve: bool = False) -> int:
        """How many proposals may still be made; with the `reserve`, if that may be spent."""
        most = self.resource.at_most if self.resource else None
        seconds = self.seconds
        if reserve and seconds is not None:
            seconds += self.reserve or 0.0
        limits = (self.evaluations, seconds, self.tokens, self.dollars, most)
        for limit, used in zip(limits, spent[1:], strict=True):
            if limit is not None and used >= limit:
                return 0
        return max(self.proposals - spent.proposals, 0)

    @model_validator(mode="after")
    def _reserve(self) -> Self:
        if self.reserve is not None and self.seconds is None:
            raise ValueError("reserve: is beyond seconds, and there are none")
        return self


def spent_by(trials: Iterable[Trial], resource: Resource | None = None) -> Spent:
    """What `trials` have spent."""
    found = Spent()
    for trial in trials:
        found = found.after(trial, resource)
    return found
