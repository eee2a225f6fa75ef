"""The tables of a run: accuracies after training (1, 2), times of kernels (3), choices of
bit-widths (4, 5), tokens/s (figure 5).
"""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from haqa_bench.report import (
    best,
    bitwidths,
    choices,
    compare,
    fronts,
    ledgers,
    pairs,
    published,
    roofs,
    tests,
)
from haqa_bench.report.best import Row
from haqa_bench.report.columns import COLUMNS, TIMED, Beside, Column
from haqa_bench.report.notes import notes
from haqa_bench.report.table import Table
from haqa_bench.store import database

FIGURES = {
    "qat": "table1",
    "qlora": "table2",
    "kernel": "table3",
    "deploy": "figure5",
    "joint": "joint",
}
SEVERAL = "joint"
"""The track whose cells with several goals are told by their fronts, and not by the best of the
first goal.
"""
TITLES = {
    "joint": "Best end-to-end tokens/s found under limits of loss and memory, fine-tuning and deployment in one loop",
    "deploy": "Best end-to-end tokens/s found, against llama.cpp's default",
    "qat": "Best hyperparameters found for quantization-aware training",
    "qlora": "Best hyperparameters found for QLoRA fine-tuning",
    "kernel": "Shortest kernel times found, against the usual constants",
}


def tables(folder: Path, paper_tables: Path) -> dict[str, Table]:
    """The table of each track of the run in `folder`, by the name of the paper's figure or table.

    Raises:
        HaqaError: the run has no database, or it cannot be read; or what was published cannot be.
    """
    found, again, known, tested = (
        best.rows(folder),
        pairs.read(folder),
        roofs.read(folder),
        tests.read(folder),
    )
    several = {
        c.id for c in database.suite_of(folder).cells if c.objective.also and c.track == SEVERAL
    }
    decisions = bitwidths.choices(folder)
    decided = [row for row in found if row.cell in {choice.cell for choice in decisions}]
    tracks = {
        track: [
            row
            for row in found
            if row.track == track and row not in decided and row.cell not in several
        ]
        for track in FIGURES
    }
    made = {
        FIGURES[track]: table(
            of_track,
            Beside(published.load(paper_tables / f"{FIGURES[track]}.yaml"), again, known, tested),
        )
        for track, of_track in tracks.items()
        if of_track
    }
    if several & {row.cell for row in found}:
        made |= fronts.tables(folder)
    if decided:
        made["table4"] = bitwidths.table(
            folder, decisions, published.load(paper_tables / "table4.yaml")
        )
    if any(row.track == "memory" for row in found):
        made["table5"] = choices.table(folder, published.load(paper_tables / "table5.yaml"))
    return made


def compared(folder: Path, against: str = "random") -> dict[str, Table]:
    """The tables that compare methods, by name; without the first where no study is of the method
    `against`.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    found = compare.results(folder)
    measured = any(result.method == against for result in found)
    first = (
        {"comparison": compare.table(found, against, pairs.read(folder).floors)} if measured else {}
    )
    return {**first, **fronts.tables(folder), "spent": ledgers.table(folder)}


def table(found: Sequence[Row], beside: Beside) -> Table:
    """Rows of one track as text, with what was published beside them, winners measured again, and
    what to know below.
    """
    first = found[0]
    columns = [c for c in COLUMNS if first.track in c.tracks]
    shown = [
        row
        for _, of_cell in groupby(found, lambda row: row.cell)
        for row in _with_references(list(of_cell), beside)
    ]
    headings = [c.heading.format(first.unit, metric=first.metric) for c in columns]
    return Table(
        title=TITLES[first.track],
        headings=headings,
        cells=[["" if _empty(c, row) else c.text(row, beside) for c in columns] for row in shown],
        notes=notes(found, beside),
        keys=[f"{row.cell}/{row.method}" for row in shown],
        bold=_bold(
            shown,
            headings.index(first.unit if first.track in TIMED else f"{first.metric}, {first.unit}"),
        ),
        about={heading: c.about for heading, c in zip(headings, columns, strict=True) if c.about},
    )


def _bold(shown: Sequence[Row], column: int) -> set[tuple[int, int]]:
    """The best of each cell, ties included."""
    best: dict[str, float] = {}
    for row in shown:
        if row.best is not None and row.optimizer != tests.REFERENCE:
            best[row.cell] = (max if row.direction == "maximize" else min)(
                row.best, best.get(row.cell, row.best)
            )
    return {
        (i, column)
        for i, row in enumerate(shown)
        if row.best is not None and row.best == best.get(row.cell)
    }


def _with_references(found: list[Row], beside: Beside) -> list[Row]:
    """A cell's rows, first those of what was tested and no method proposed."""
    references = [
        found[0]._replace(
            method=json.loads(key)["reference"], optimizer=tests.REFERENCE, winners=[key]
        )
        for key in beside.tests.references(found[0].cell)
    ]
    return references + found


def _empty(column: Column, row: Row) -> bool:
    return (column.tuned and row.optimizer == "human") or (
        not column.tested and row.optimizer == tests.REFERENCE
    )
