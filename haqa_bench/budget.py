"""What a study may spend. A study ends when the first ledger is empty."""

from collections.abc import Sequence

from pydantic import Field

from haqa_bench.documents import Document
from haqa_bench.trial import Status, Trial


class Budget(Document):
    """`proposals` counts every proposal, repeats and invalid ones too; `evaluations` only configurations really evaluated."""

    proposals: int = Field(ge=1)
    evaluations: int | None = Field(None, ge=1)

    def left(self, trials: Sequence[Trial]) -> int:
        """How many proposals may still be made after `trials`."""
        left = self.proposals - len(trials)
        if self.evaluations is not None:
            left = min(left, self.proposals if evaluations(trials) < self.evaluations else 0)
        return max(left, 0)


def evaluations(trials: Sequence[Trial]) -> int:
    """The unique evaluations among `trials`."""
    return sum(t.repeat_of is None and t.status is not Status.INVALID for t in trials)
