"""What could not be measured, as a result: cells of which nothing could, such as a model that does
not fit; and configurations that were taken, and silently not done.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from haqa_bench.project import Run


class Refused(NamedTuple):
    """A cell of which nothing could be measured: the status of its default, and why."""

    cell: str
    status: str
    reason: str

    @property
    def why(self) -> str:
        """Its status and its reason, which has the sum where a prediction refused it."""
        return f"{self.status.replace('_', ' ')}: {self.reason}" if self.reason else self.status


class Unheeded(NamedTuple):
    """How many configurations of a cell were not done as they ask, by status; the `reason` is the
    first one's.
    """

    cell: str
    status: str
    configurations: int
    reason: str


def refused(run: Run) -> Mapping[str, Refused]:
    """By cell.

    Raises:
        HaqaError: the database cannot be read.
    """
    return {one.cell: one for one in run.rows("refused", Refused)}


def sentences(run: Run, cells: Collection[str]) -> Iterator[str]:
    """What readers of a table of these cells have to know."""
    for cell, one in refused(run).items():
        if cell in cells:
            yield f"{cell}: nothing of it could be measured: {one.why.rstrip('.')}."
    for found in run.rows("unheeded", Unheeded):
        if found.cell in cells:
            what = found.status.replace("_", " ")
            yield (
                f"{found.cell}: {found.configurations} of its configurations ran otherwise than "
                f"they ask, and count as failed ({what}): {found.reason.rstrip('.')}."
            )
