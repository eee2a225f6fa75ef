"""Which suites of suites/paper/ declare the published rows that a run has no cell for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from haqa_bench import suite
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project
from haqa_bench.report.paper.line import Line
from haqa_bench.report.paper.placed import Lacking, labels_of, named, placed
from haqa_bench.report.published.document import PublishedTable

FOLDER = "paper/"


def sentences(table: PublishedTable, lines: Sequence[Line], project: Project) -> Iterator[str]:
    """For each such suite which of them it has, and on what hardware."""
    lacking = {
        labels_of(table, row)
        for one in placed(table, lines)
        if isinstance(one, Lacking)
        for row in table.rows
        if row.key == tuple(one.key)
    }
    files = {n: p for n, p in project.suites.items() if n.startswith(FOLDER)} if lacking else {}
    for name, path in files.items():
        if cells := [cell for cell in _cells(path, project) if named(cell) in lacking]:
            devices = ", ".join(dict.fromkeys(cell.hardware.name for cell in cells))
            yield f"suites/{name}.yaml has, for {devices}: {_told(cells)}."


def _cells(path: Path, project: Project) -> Sequence[Cell]:
    """Those of a suite; none of one that cannot be read, which is told where it is run."""
    try:
        return suite.load(path, project.folder).cells
    except HaqaError:
        return ()


def _told(cells: Sequence[Cell]) -> str:
    """Models, each with its bit-widths."""
    by: dict[str, dict[str, None]] = {}
    for cell in cells:
        by.setdefault(cell.model_name, {})[cell.bit_width] = None
    return "; ".join(f"{model} {', '.join(bits)}" for model, bits in by.items())
