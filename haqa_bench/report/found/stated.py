"""What a suite states as one configuration beside the default (the optimizer `fixed`), such as what
people use at full precision. Its study is judged by that one alone (store/schema.sql).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report.found.best import Best

OPTIMIZER = "fixed"


class Stated(NamedTuple):
    """What became of the configuration that a method states on a cell."""

    cell: str
    method: str
    status: str


def stated(run: Run) -> Mapping[tuple[str, str], Stated]:
    """By cell and method; without studies in which it is the default itself.

    Raises:
        HaqaError: the database cannot be read.
    """
    return {(one.cell, one.method): one for one in run.rows("stated", Stated)}


def sentences(found: Sequence[Best]) -> list[str]:
    """What the rows of such methods are in a table of what was found best: one sentence, or
    none.
    """
    methods = dict.fromkeys(row.method for row in found if row.optimizer == OPTIMIZER)
    if not methods:
        return []
    what = "the one configuration that the suite states"
    return [f"{', '.join(methods)}: {what}."]
