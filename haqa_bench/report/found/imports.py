"""From which files of others the numbers of a run's cells were imported."""

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.store import tables
from haqa_bench.trial import Source


class _Row(NamedTuple):
    cell: str
    facts: str


class Import(NamedTuple):
    """A file of somebody else's measurements."""

    name: str
    sha256: str


def imports(run: Run) -> Mapping[str, Import]:
    """The file of each cell whose numbers were imported.

    Raises:
        HaqaError: the database cannot be read.
    """
    told = {row.cell: json.loads(row.facts) for row in run.rows("imports", _Row)}
    return {
        cell: Import(facts[tables.IMPORTED], facts[tables.IMPORTED_SHA256])
        for cell, facts in told.items()
    }


def sentences(found: Mapping[str, Import], cells: Collection[str]) -> list[str]:
    """Whose numbers those of some cells are, file by file."""
    files = dict.fromkeys(found[cell] for cell in sorted(cells) if cell in found)
    return [
        f"{', '.join(cell for cell in sorted(cells) if found.get(cell) == file)}: "
        f"{Source.IMPORTED} from {file.name} (sha256 {file.sha256}), not measured here."
        for file in files
    ]
