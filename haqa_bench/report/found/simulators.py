"""The cells of a run whose numbers a surrogate simulated, and what that is."""

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.store.facts import SURROGATE
from haqa_bench.trial import Source


class _Row(NamedTuple):
    cell: str
    facts: str


def simulators(run: Run) -> Mapping[str, str]:
    """What simulated each cell that was, in words, with its error.

    Raises:
        HaqaError: the database cannot be read.
    """
    return {row.cell: json.loads(row.facts)[SURROGATE] for row in run.rows("simulators", _Row)}


def sentences(found: Mapping[str, str], cells: Collection[str]) -> list[str]:
    """What the numbers of some cells are, a sentence each."""
    return [
        f"{cell}: {Source.SIMULATED}, not measured, by {found[cell]}."
        for cell in sorted(cells)
        if cell in found
    ]
