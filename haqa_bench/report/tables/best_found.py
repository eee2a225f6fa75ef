"""The best that each method found in each cell: a table for all cells of a track."""

from collections.abc import Sequence
from itertools import groupby

from haqa_bench.arithmetic.estimate import SPEEDS
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.tests import REFERENCE
from haqa_bench.report.tables import best_found_notes
from haqa_bench.report.tables.best_found_columns import CHANCE, COLUMNS, Beside, Kind, Maker
from haqa_bench.report.tables.table import Key, Table, words


def table(title: str, found: Sequence[Best], kind: Kind, beside: Beside) -> Table:
    """Rows of one kind, with what was published beside them, winners measured again, and what to
    know below.
    """
    first = found[0]
    columns = [c for c in COLUMNS if c.applies(kind)]
    shown = [
        row
        for _, of_cell in groupby(found, lambda row: row.cell)
        for row in _with_references(list(of_cell), beside)
    ]
    place = next(i for i, column in enumerate(columns) if column.main)
    return Table(
        title=title,
        columns=[column.of(first) for column in columns],
        rows=[
            [words("") if _empty(c, row) else c.value(row, beside) for c in columns]
            for row in shown
        ],
        notes=best_found_notes.notes(found, kind, beside),
        details=best_found_notes.details(found, kind, beside),
        keys=[Key(row.cell, row.method) for row in shown],
        bold={(number, place) for number in _leading(shown)},
        doubts=beside.figure.doubts,
    )


def kind_of(found: Sequence[Best], confirmed: str, published: bool, beside: Beside) -> Kind:
    """What decides which columns a table of these rows has."""
    cells = {row.cell for row in found}
    files = any(cell in cells for cell, _ in beside.weights)
    return Kind(found[0].unit in SPEEDS, confirmed, published, bool(beside.parts), files)


def _leading(shown: Sequence[Best]) -> set[int]:
    """The rows that hold the best of their cell, ties included."""
    best: dict[str, float] = {}
    for row in shown:
        if row.best is not None and row.optimizer != REFERENCE:
            better = max if row.direction == "maximize" else min
            best[row.cell] = better(row.best, best.get(row.cell, row.best))
    return {
        number
        for number, row in enumerate(shown)
        if row.best is not None and row.best == best.get(row.cell)
    }


def _with_references(found: list[Best], beside: Beside) -> list[Best]:
    """A cell's rows, first those of what was tested and no method proposed."""
    references = dict(beside.tests.references(found[0].cell))
    if found[0].cell in beside.chances and found[0].cell in beside.tests.machines:
        references = {CHANCE: "", **references}
    return [
        found[0]._replace(method=name, optimizer=REFERENCE, winners=[recorded] if recorded else [])
        for name, recorded in references.items()
    ] + found


def _empty(column: Maker, row: Best) -> bool:
    return (column.tuned and row.is_default) or (not column.tested and row.optimizer == REFERENCE)
