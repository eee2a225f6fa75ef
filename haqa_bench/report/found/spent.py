"""What each method spent."""

from typing import NamedTuple

from haqa_bench.project import Run


class Spent(NamedTuple):
    """Medians over the studies of a cell and method; None where unknown, or where there is no LLM.
    `settings` in JSON.
    """

    cell: str
    method: str
    studies: int
    settings: str
    agent: bool
    proposals: float
    evaluations: float
    seconds: float | None
    llm_seconds: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    dollars: float | None


def spent(run: Run) -> list[Spent]:
    """Every cell and method of a run.

    Raises:
        HaqaError: the database cannot be read.
    """
    return run.rows("spent", Spent)
