"""What a study may spend: ledgers of proposals, evaluations, seconds, and, for an LLM, tokens and
dollars.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

from pydantic import Field

from haqa_bench.documents import Document
from haqa_bench.trial import Trial


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

    def after(self, trial: Trial) -> "Spent":
        """The ledgers one trial later."""
        usage = trial.usage
        return Spent(
            proposals=self.proposals + 1,
            evaluations=self.evaluations
            + (trial.repeat_of is None and not trial.status.unproposed),
            seconds=self.seconds + (trial.seconds or 0.0) + (usage.seconds if usage else 0.0),
            tokens=self.tokens + (usage.tokens if usage else 0),
            dollars=self.dollars + ((usage.dollars or 0.0) if usage else 0.0),
        )


class Budget(Document):
    """A study ends when the first of its ledgers is empty. Only `proposals`, the default included,
    must be limited.
    """

    proposals: int = Field(ge=1)
    evaluations: int | None = Field(None, ge=1)
    seconds: float | None = Field(None, gt=0)
    tokens: int | None = Field(None, ge=1)
    dollars: float | None = Field(None, gt=0)

    def left(self, spent: Spent) -> int:
        """How many proposals may still be made."""
        limits = (self.evaluations, self.seconds, self.tokens, self.dollars)
        for limit, used in zip(limits, spent[1:], strict=True):
            if limit is not None and used >= limit:
                return 0
        return max(self.proposals - spent.proposals, 0)


def spent_by(trials: Iterable[Trial]) -> Spent:
    """What `trials` have spent."""
    return reduce(Spent.after, trials, Spent())
