"""What each study of a run found."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report import statistics


class StudyResult(NamedTuple):
    """What a study found. `best` is a score, larger is better, None where nothing feasible was
    measured.
    """

    cell: str
    method: str
    optimizer: str
    seed: int
    answered_by: str
    direction: str
    unit: str
    best: float | None
    best_value: float | None
    optimum: float | None
    rank: int | None
    source: str | None = None
    winner: str | None = None
    """The best configuration, in JSON."""

    @property
    def regret(self) -> float | None:
        """See statistics.regret."""
        return statistics.regret(self.best_value, self.optimum)

    @property
    def found_best(self) -> bool:
        """Whether it found the best value of the whole response table."""
        return self.optimum is not None and self.best_value == self.optimum


Groups = Mapping[str, Mapping[str, Sequence[StudyResult]]]


def results(run: Run) -> list[StudyResult]:
    """The studies of a run.

    Raises:
        HaqaError: the database cannot be read.
    """
    return run.rows("studies", StudyResult)


def grouped(found: Sequence[StudyResult]) -> Groups:
    """The studies by cell and method."""
    groups: dict[str, dict[str, list[StudyResult]]] = defaultdict(lambda: defaultdict(list))
    for result in found:
        groups[result.cell][result.method].append(result)
    return groups
