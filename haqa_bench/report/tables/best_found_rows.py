"""What the rows of tables of best results tell of, what stands beside them, and which kinds of
tables there are.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from haqa_bench.arithmetic.exact_random import ExactRandom
from haqa_bench.cell import Cell
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.kernel_rooflines import Roof
from haqa_bench.report.found.overlap import Overlap
from haqa_bench.report.found.pairs import Pairs
from haqa_bench.report.found.tests import REFERENCE, Tests
from haqa_bench.report.found.weights import Weights
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.report.verdict import Verdict

CHANCE = "guessing"
"""Stands in place of a method in the row of what guessing gives."""
EXACT = "random, exact"
"""Stands in place of a method in the row of what random search finds, by arithmetic."""


class Beside(NamedTuple):
    """What rows are compared with: what was published, pairs, tests of what was trained, and of
    cells that are parts of a model, such as a kernel, their name, their roofline and their peer.
    `weights` are of measured files, `chances` what guessing gives in tests, in %, by cell;
    `exact` what random search finds, and `overlaps` how far a method's studies are copies;
    `verdicts` on each method against random search, by cell and method.
    """

    published: PublishedTable | None
    pairs: Pairs
    tests: Tests
    parts: Mapping[str, str]
    roofs: Mapping[str, Roof]
    peers: Mapping[str, str]
    weights: Mapping[tuple[str, str], Weights]
    chances: Mapping[str, float]
    exact: Mapping[str, ExactRandom]
    overlaps: Mapping[tuple[str, str], Overlap]
    cells: Mapping[str, Cell]
    verdicts: Mapping[tuple[str, str], Verdict]


Told = Literal["default", "method", "reference", "exact"]
"""What a row tells of: what nobody proposed; what a method found; what is beside, such as full
precision; what random search finds by arithmetic."""
EVERY: Collection[Told] = ("default", "method", "reference", "exact")
STUDIED: Collection[Told] = ("default", "method")
FOUND: Collection[Told] = ("default", "method", "exact")
TUNED: Collection[Told] = ("method", "exact")
METHODS: Collection[Told] = frozenset[Told](("method",))
TRAINED: Collection[Told] = ("default", "method", "reference")


def told_of(row: Best) -> Told:
    """What a row tells of."""
    if row.method == EXACT:
        return "exact"
    if row.optimizer == REFERENCE:
        return "reference"
    return "default" if row.is_default else "method"


class Kind(NamedTuple):
    """What decides which columns a table has: whether its objective is a speed or a time, how
    winners are confirmed, whether the paper has it, whether its cells are parts of models, and
    whether files of weights were measured; `own` where any of it is no import; `listed` where any
    of its spaces is a list, whose best can be known; the `tasks` of its tests, where these are
    several.
    """

    speed: bool
    confirmed: str
    published: bool
    parts: bool
    files: bool
    own: bool
    listed: bool
    tasks: Sequence[str] = ()
