"""Where studies run: in this process, in several, or with a Ray cluster's machines measuring."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from haqa_bench.cell import Cell
from haqa_bench.protocols import Evaluator
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import Entry
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class Executor(Protocol):
    """Runs studies; whoever calls it journals what they give."""

    def run(
        self, plan: Plan, jobs: Sequence[tuple[Study, Sequence[Trial]]]
    ) -> Iterator[tuple[Study, Entry]]:
        """The entries of each study, in its own order, from the trials on that it has already. How
        studies interleave is free.

        Raises:
            HaqaError: a recording is missing or does not fit, an endpoint fails, or no machine can
            measure a cell.
        """

    def evaluator(self, plan: Plan, cell: Cell) -> Evaluator:
        """What measures a cell."""

    def hold(self, plan: Plan) -> AbstractContextManager[None]:
        """Keeps others from measuring where this measures, while a live plan runs.

        Raises:
            HaqaError: on entering, somebody measures there already.
        """


def runs(cell: Cell) -> tuple[str, str]:
    """What an evaluator is kept under: a cell's winners may be run with another workload."""
    return cell.id, cell.workload.model_dump_json()
