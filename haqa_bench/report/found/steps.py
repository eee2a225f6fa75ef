"""What each study had spent, and had found, after each of its trials."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from haqa_bench.project import Run

Ledger = Literal["proposals", "evaluations", "seconds", "dollars"]


class Step(NamedTuple):
    """A study after one trial: what it had spent, and the best value and regret so far (None before
    the first feasible trial).
    """

    cell: str
    method: str
    study: str
    proposals: int
    evaluations: int
    seconds: float
    dollars: float | None
    best: float | None
    regret: float | None

    def spent(self, ledger: Ledger) -> float | None:
        """So much of a ledger; None where it is unknown."""
        amounts = {
            "proposals": self.proposals,
            "evaluations": self.evaluations,
            "seconds": self.seconds,
            "dollars": self.dollars,
        }
        return amounts[ledger]


def steps(run: Run) -> list[Step]:
    """Every study of a run after each of its trials, in order.

    Raises:
        HaqaError: the database cannot be read.
    """
    return run.rows("steps", Step)


def at(found: Sequence[Step], ledger: Ledger, amount: float) -> Step | None:
    """The last of a study's steps that had spent no more than `amount`."""
    within = [s for s in found if (x := s.spent(ledger)) is not None and x <= amount]
    return within[-1] if within else None
