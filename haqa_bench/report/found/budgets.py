"""What studies might spend of a resource that trainings take, in sentences."""

from collections.abc import Sequence

from haqa_bench.cell import Cell


def sentences(cells: Sequence[Cell]) -> list[str]:
    """The budgets of cells that have one in epochs or steps, each once, with what counts."""
    known = dict.fromkeys(cell.budget.resource for cell in cells if cell.budget.resource)
    return [
        f"Budget of each study: {budget.at_most} {budget.parameter} in all, of all its trainings; "
        "one that diverged counts as far as it came, and what would have gone beyond the budget "
        "was not tried."
        for budget in known
        if budget
    ]
