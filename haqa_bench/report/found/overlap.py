"""How much the studies of a method on a cell are copies of one another: what several seeds of one
answerer are worth as evidence.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

from haqa_bench.project import Run


class Overlap(NamedTuple):
    """The studies of a method on a cell."""

    studies: int
    jaccard: float
    """Of two studies, the configurations that both proposed, as a share of those that either did;
    the median over all pairs of studies."""
    identical: int
    """The studies whose proposals, in their order, are those of another too."""
    answerers: int
    """How many different ones answered, as the cassettes' cards say; 0 where no LLM was asked."""


class _Proposed(NamedTuple):
    cell: str
    method: str
    seed: int
    answered_by: str
    configurations: Sequence[str | None]
    """In their order; None for what was no configuration."""


def overlaps(run: Run) -> Mapping[tuple[str, str], Overlap]:
    """By (cell, method), where a method has several studies that propose.

    Raises:
        HaqaError: the database cannot be read.
    """
    groups: dict[tuple[str, str], list[_Proposed]] = defaultdict(list)
    for study in run.rows("overlap", _Proposed):
        groups[study.cell, study.method].append(study)
    return {key: _overlap(group) for key, group in groups.items() if len(group) > 1}


def _overlap(group: Sequence[_Proposed]) -> Overlap:
    sets = [{c for c in study.configurations if c is not None} for study in group]
    times = Counter(tuple(study.configurations) for study in group)
    return Overlap(
        studies=len(group),
        jaccard=median(_jaccard(one, other) for one, other in combinations(sets, 2)),
        identical=sum(n for n in times.values() if n > 1),
        answerers=len({study.answered_by for study in group} - {""}),
    )


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0
