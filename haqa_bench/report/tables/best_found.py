"""The best that each method found in each cell: a table for all cells of a track."""

from collections.abc import Sequence
from itertools import groupby

from haqa_bench.arithmetic.estimate import SPEEDS
from haqa_bench.arithmetic.exact_random import ExactRandom
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.pairs import word_of
from haqa_bench.report.found.tests import REFERENCE
from haqa_bench.report.published import beside as published
from haqa_bench.report.statistics import times_better
from haqa_bench.report.tables import best_found_notes
from haqa_bench.report.tables.best_found_columns import Maker, columns_of
from haqa_bench.report.tables.best_found_rows import CHANCE, EXACT, Beside, Kind, told_of
from haqa_bench.report.tables.table import Key, Table, words
from haqa_bench.trial import Source


def table(title: str, found: Sequence[Best], kind: Kind, beside: Beside) -> Table:
    """Rows of one kind, with what was published beside them, winners measured again, and what to
    know below.
    """
    first = found[0]
    columns = columns_of(kind)
    shown = [
        row
        for _, of_cell in groupby(found, lambda row: row.cell)
        for row in _with_references(list(of_cell), beside)
    ]
    place = next(i for i, column in enumerate(columns) if column.main)
    made = Table(
        title=title,
        columns=[column.of(first) for column in columns],
        rows=[
            [words("") if _empty(c, row) else c.value(row, beside) for c in columns]
            for row in shown
        ],
        notes=best_found_notes.notes(found, kind, beside),
        details=best_found_notes.details(found, kind, beside),
        keys=[Key(row.cell, row.method) for row in shown],
        bold={(number, place) for number in _leading(shown, beside)},
    )
    return published.with_doubts(made, beside.published)


def kind_of(found: Sequence[Best], confirmed: str, published: bool, beside: Beside) -> Kind:
    """What decides which columns a table of these rows has."""
    cells = {row.cell for row in found}
    files = any(cell in cells for cell, _ in beside.weights)
    own = any(row.source != Source.IMPORTED for row in found)
    speed, parts = found[0].unit in SPEEDS, bool(beside.parts)
    tasks = beside.tests.tasks(cells)
    listed = any(beside.cells[cell].space.finite for cell in cells)
    return Kind(speed, confirmed if own else "none", published, parts, files, own, listed, tasks)


def _leading(shown: Sequence[Best], beside: Beside) -> set[int]:
    """The rows that hold the best of their cell, ties included; none whose winners were measured
    again in pairs and gain nothing, unless the default is as good.
    """
    best: dict[str, float] = {}
    for row in shown:
        if row.best is not None and row.optimizer != REFERENCE and not _idle(row, beside):
            better = max if row.direction == "maximize" else min
            best[row.cell] = better(row.best, best.get(row.cell, row.best))
    return {
        number
        for number, row in enumerate(shown)
        if row.best is not None and row.best == best.get(row.cell)
    }


def _idle(row: Best, beside: Beside) -> bool:
    """Whether pairs say that the default is what to use."""
    return row.cell in beside.pairs.machines and word_of(row, beside.pairs) not in (None, "better")


def _with_references(found: list[Best], beside: Beside) -> list[Best]:
    """A cell's rows: first what was tested and no method proposed, then the default and random
    search, with what it finds by arithmetic.
    """
    cell = found[0].cell
    references = dict(beside.tests.references(cell))
    if cell in beside.chances and cell in beside.tests.machines:
        references = {CHANCE: "", **references}
    rows = [
        found[0]._replace(
            method=name, optimizer=REFERENCE, best=None, winners=[recorded] if recorded else []
        )
        for name, recorded in references.items()
    ]
    drawn = any(row.optimizer == "random" for row in found) and cell in beside.exact
    exact = [_exact(found[0], beside.exact[cell])] if drawn else []
    before = [row for row in found if row.is_default or row.optimizer == "random"]
    return rows + before + exact + [row for row in found if row not in before]


def _exact(row: Best, known: ExactRandom) -> Best:
    """A row of what random search finds: median, and the 5th and 95th percentile."""
    best, default, optimum = known.median, row.default_value, row.optimum
    times = times_better(best, default, row.direction) if best and default else None
    lost = times_better(optimum, best, row.direction) if best and optimum else None
    return row._replace(
        method=EXACT,
        optimizer=REFERENCE,
        best=best,
        worst_study=known.unlucky,
        best_study=known.lucky,
        speed_up=times,
        of_optimum=1 / lost if lost else None,
        winners=[],
        answered_by="",
    )


def _empty(column: Maker, row: Best) -> bool:
    return told_of(row) not in column.rows
