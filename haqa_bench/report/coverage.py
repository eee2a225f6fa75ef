"""Which cells of the paper this project measures, stands in for, or declares (docs/reproduce.md).

Read from the published tables, the suites, and the response tables and recorded trials that lie in
a project.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from haqa_bench import suite
from haqa_bench.cell import Cell
from haqa_bench.project import Project
from haqa_bench.report import traits
from haqa_bench.report.paper.line import differs
from haqa_bench.report.published.beside import Place, place_of, same
from haqa_bench.report.published.document import UNKNOWN, PublishedTable, Row, load
from haqa_bench.report.published.layout import heading
from haqa_bench.report.tables.table import Column, Table, words
from haqa_bench.store.tables import is_imported

NAMES = ("table1", "table2", "table3", "table4", "table5", "figure5")
Status = Literal["measured here", "stand-in", "declared", "nothing"]
STATUS: Sequence[Status] = ("measured here", "stand-in", "declared", "nothing")
"""From best to none."""
ALIKE = ("bit_width", "kernel")
"""What a stand-in has as the paper's cell has it, where both say it."""


MANY = 2
"""Cells that a command names; where there are more it runs their whole suite."""


class Declared(NamedTuple):
    """A cell that a suite declares, the suite's file, how many methods run there, whether there is
    a response table, or recorded trials, and whether the suite follows the paper's own table.
    """

    cell: Cell
    file: str
    methods: int
    recorded: bool
    as_paper: bool


class Covered(NamedTuple):
    """A cell of the paper, and how it is covered: best, and what else declares it."""

    labels: Sequence[str]
    status: Status
    by: Sequence[Declared]
    declared: Sequence[Declared]


def declared(project: Project) -> list[Declared]:
    """Every cell of every suite of a project.

    Raises:
        HaqaError: a suite cannot be read.
    """
    found = {
        project.said(path): suite.load(path, project.folder) for path in project.suites.values()
    }
    return [
        Declared(
            cell, file, methods, _recorded(cell, project.recording(cell)), of.layout == "paper"
        )
        for file, of in found.items()
        for cell in of.cells
        for methods in [sum(method.runs_on(cell) for method in of.methods)]
    ]


def _recorded(cell: Cell, path: Path) -> bool:
    """Whether we have measurements: what others measured covers nothing."""
    return path.is_file() and not (cell.space.finite and is_imported(path))


def tables(project: Project) -> dict[str, Table]:
    """A table for each of the paper's, a row for each of its cells.

    Raises:
        HaqaError: a suite or a published table cannot be read.
    """
    every = declared(project)
    found = {name: load(project.published(name)) for name in NAMES}
    return {name: _table(name, table, every) for name, table in found.items() if table}


def _table(name: str, table: PublishedTable, every: Sequence[Declared]) -> Table:
    cells = [one for one in every if _is_of(one.cell, name)]
    keys = [key for key in table.keys if key != table.compared]
    covered = list(_covered(table, keys, cells))
    return Table(
        title=f"{table.label}: {table.title}",
        columns=[
            *(Column(heading(key), role="key") for key in keys),
            *(Column(title, role="words") for title in ("Status", "Ours", "Command", "Declared")),
        ],
        rows=[[words(text) for text in (*one.labels, *_told(table, one))] for one in covered],
        notes=list(_notes(table)),
    )


def _is_of(cell: Cell, name: str) -> bool:
    """Whether a cell is of the paper's table of that name."""
    if traits.decides_bits(cell):
        return name == "table4"
    return traits.name_of(cell) == name


def _covered(
    table: PublishedTable, keys: Sequence[str], cells: Sequence[Declared]
) -> Iterator[Covered]:
    seen: set[tuple[str, ...]] = set()
    for row in table.rows:
        labels = tuple(row.key[table.keys.index(key)] for key in keys)
        if labels not in seen:
            seen.add(labels)
            by: dict[Status, list[Declared]] = {s: _with(s, table, row, cells) for s in STATUS}
            best: Status = next((status for status in STATUS if by[status]), "nothing")
            yield Covered(labels, best, _nearest(table, row, by[best]), by["declared"])


def _nearest(table: PublishedTable, row: Row, found: Sequence[Declared]) -> list[Declared]:
    """Those that are of the row's own model and shape, where there are such; first what was
    measured, of a suite in the paper's layout, of the one that has most of them and most methods.
    """
    own = [one for one in found if _is_same(table, row, place_of(one.cell))]
    kept = own or found
    many = Counter(one.file for one in kept)
    return sorted(
        kept,
        key=lambda one: (one.cell.simulated, not one.as_paper, -many[one.file], -one.methods),
    )


def _with(
    status: Status, table: PublishedTable, row: Row, cells: Sequence[Declared]
) -> list[Declared]:
    """The cells that cover a row in this way."""
    return [one for one in cells if _status(table, row, one) == status]


def _status(table: PublishedTable, row: Row, one: Declared) -> Status:
    own = _is_same(table, row, place_of(one.cell)) and UNKNOWN not in row.key
    if own and not one.recorded:
        return "declared"
    if own and not one.cell.simulated:
        return "measured here"
    part = {name: label for name, label in place_of(one.cell).items() if name in ALIKE}
    return "stand-in" if one.recorded and same(table, row, part) else "nothing"


def _is_same(table: PublishedTable, row: Row, place: Place) -> bool:
    """Whether a cell is the row's, on whatever hardware."""
    named = {name: label for name, label in place.items() if name != "hardware"}
    return same(table, row, named)


def _told(table: PublishedTable, one: Covered) -> tuple[str, str, str, str]:
    """Status, what of ours it is and how that differs, how to run it, and what declares it."""
    if one.status == "nothing":
        return one.status, "", "", ""
    first = [found for found in one.by if found.file == one.by[0].file]
    other = [found.file for found in one.by if found.file != one.by[0].file]
    parts = [
        _names(first),
        f"differs: {', '.join(differs(table, first[0].cell)) or 'nothing that both say'}",
        traits.amounts(first[0].cell),
        f"also in {_files(other)}" if other else "",
    ]
    declared_in = _files([found.file for found in one.declared])
    return one.status, "; ".join(filter(None, parts)), _command(one.status, first), declared_in


def _files(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def _names(found: Sequence[Declared]) -> str:
    """Models by hardware."""
    by: dict[str, dict[str, None]] = {}
    for one in found:
        by.setdefault(one.cell.hardware.name, {})[one.cell.model_name] = None
    return "; ".join(f"{', '.join(models)} on {device}" for device, models in by.items())


def _command(status: Status, found: Sequence[Declared]) -> str:
    """How to run these cells; the whole suite where they are many."""
    cells = ",".join(one.cell.id for one in found)
    which = f" --cells {cells}" if len(found) <= MANY else ""
    live = " --agent live --measure live" if status == "declared" else ""
    return f"`haqa-bench run {found[0].file}{which}{live}`"


def _notes(table: PublishedTable) -> Iterator[str]:
    if table.methods:
        told = [
            f"{label} ({', '.join(ours) or 'none of ours'})"
            for label, ours in table.methods.items()
        ]
        yield f"Methods, and which of ours stands for each: {', '.join(told)}."


def markdown(folder: Path) -> str:
    """All of it as a page has it: how many cells are what, then each table."""
    from haqa_bench.report.formats.markdown import markdown as as_markdown

    made = tables(Project(folder))
    counts = _counts(made)
    parts = [as_markdown(table) for table in made.values()]
    return "\n".join([as_markdown(counts), *parts])


def _counts(made: Mapping[str, Table]) -> Table:
    """How many cells of each table are covered in which way."""
    rows = []
    for table in made.values():
        place = table.headings.index("Status")
        found = [row[place].text for row in table.rows]
        label = table.title.partition(":")[0]
        rows.append([words(label), *(words(str(found.count(status))) for status in STATUS)])
    heads = ["The paper's", *(status.capitalize() for status in STATUS)]
    return Table("Cells of the paper", [Column(head, role="words") for head in heads], rows)
