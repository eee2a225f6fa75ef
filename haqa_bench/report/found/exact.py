"""What random search finds on a cell, exactly, where the cell's response table was replayed."""

from functools import lru_cache

import numpy as np

from haqa_bench.arithmetic.exact_random import ExactRandom, exact_random
from haqa_bench.budget import Budget
from haqa_bench.project import Project, Run
from haqa_bench.report.found.swept import Swept, swept


@lru_cache(maxsize=64)
def exact(run: Run, project: Project, cell_id: str) -> ExactRandom | None:
    """The distribution of the best value of a study of `random`, by the first goal.

    None without a table, and where a budget of seconds or of a resource ends studies after a number
    of draws that depends on what is drawn.

    Raises:
        HaqaError: the table is damaged, or another cell's.
    """
    found = swept(run, project, cell_id)
    return None if found is None else exact_in(found)


def exact_in(found: Swept) -> ExactRandom | None:
    """As `exact`, of a table."""
    if found.cell.budget.seconds is not None or found.cell.budget.resource is not None:
        return None
    values, default = found.values, found.default
    return exact_random(
        values if default is None else np.delete(values, default),
        found.cell.space.size - 1,
        None if default is None else float(values[default]),
        _trials(found.cell.budget) - 1,
        "minimize" if found.cell.objective.direction == "minimize" else "maximize",
    )


def _trials(budget: Budget) -> int:
    """How many trials a study has that repeats none."""
    return min(budget.proposals, budget.evaluations or budget.proposals)
