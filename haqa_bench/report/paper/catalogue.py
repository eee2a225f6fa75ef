"""The tables of a run in the paper's layout, by name: those that it has a cell for."""

from collections.abc import Callable, Collection, Mapping, Sequence

from haqa_bench.project import Project, Run
from haqa_bench.report import traits
from haqa_bench.report.formats.filters import paper_name
from haqa_bench.report.found import answers, format_choices, mishaps
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.paper import (
    accuracies,
    against_peer,
    decisions,
    elsewhere,
    layout,
    speeds,
)
from haqa_bench.report.paper.line import Line
from haqa_bench.report.published.document import PublishedTable, load
from haqa_bench.report.tables.table import Table

AGAINST = "against-ggml"
"""Ends the name of a table of cells held against their peer, beside one of cells that are not."""
Maker = Callable[[Run, Project, PublishedTable], list[Line]]


def _best(run: Run, name: str) -> Sequence[Best]:
    """The rows of the table `name`, without those whose bit-width is all that is decided."""
    return [
        row
        for row in best(run)
        if traits.name_of(run.cells[row.cell]) == name
        and not traits.decides_bits(run.cells[row.cell])
    ]


def _table1(run: Run, project: Project, table: PublishedTable) -> list[Line]:
    return accuracies.by_method(run, table, _best(run, "table1"), accuracies.known(run))


def _table2(run: Run, project: Project, table: PublishedTable) -> list[Line]:
    return accuracies.by_task(run, table, _best(run, "table2"), accuracies.known(run))


def _table3(run: Run, project: Project, table: PublishedTable) -> list[Line]:
    found = [row for row in _best(run, "table3") if not _by_peer(run, row)]
    return speeds.lines(run, table, found, speeds.known(run))


def _by_peer(run: Run, row: Best) -> bool:
    return traits.peer_is_default(run.cells[row.cell])


def _table4(run: Run, project: Project, table: PublishedTable) -> list[Line]:
    return decisions.speeds(run, project, table, format_choices.format_choices(run))


def _table5(run: Run, project: Project, table: PublishedTable) -> list[Line]:
    return decisions.limits(run, project, table, answers.answers(run))


def _figure5(run: Run, project: Project, table: PublishedTable) -> list[Line]:
    return speeds.lines(run, table, _best(run, "figure5"), speeds.known(run))


MAKERS: Mapping[str, Maker] = {
    "table1": _table1,
    "table2": _table2,
    "table3": _table3,
    "table4": _table4,
    "table5": _table5,
    "figure5": _figure5,
}


def tables(run: Run, project: Project) -> dict[str, Table]:
    """The paper's tables that a run has cells for, in the paper's layout, ours beside.

    Raises:
        HaqaError: the database, or a published table, cannot be read.
    """
    made = {}
    for name, lines in MAKERS.items():
        table = load(project.published(name))
        if table and (found := lines(run, project, table)):
            told = list(elsewhere.sentences(table, found, project))
            cells = {line.cell.id for line in found}
            made[name] = _finished(layout.beside(table, found, told), cells, run, name)
    return made | _against_peers(run, project, made)


def _against_peers(run: Run, project: Project, others: Collection[str]) -> dict[str, Table]:
    """The tables of cells that are held against their peer; those of the same name that are not
    keep it.
    """
    found = [row for row in best(run) if _by_peer(run, row)]
    made = {}
    for name in dict.fromkeys(traits.name_of(run.cells[row.cell]) for row in found):
        own = [row for row in found if traits.name_of(run.cells[row.cell]) == name]
        published = load(project.published(name))
        if published:
            table = against_peer.table(run, published, own, speeds.known(run))
            called = f"{name}-{AGAINST}" if name in others else name
            made[called] = _finished(table, {row.cell for row in own}, run, called)
    return made


def asked(run: Run, project: Project) -> dict[str, Table]:
    """The same where the suite asks for the paper's layout, and else none."""
    return tables(run, project) if run.suite.layout == "paper" else {}


def instead(own: Mapping[str, Table], theirs: Mapping[str, Table]) -> dict[str, Table]:
    """Tables of ours, and the paper's in the place of those of the same cells."""
    return {**theirs, **{n: t for n, t in own.items() if paper_name(n) not in theirs}}


def _finished(table: Table, cells: Collection[str], run: Run, name: str) -> Table:
    """With what the suite says of it: remarks, labels, and its name in LaTeX; and what failed."""
    remarks = [*run.suite.said_of(cells), *mishaps.sentences(run, cells)]
    return table._replace(
        label=f"{run.suite.name}-{name}-paper",
        labels=run.suite.labels,
        notes=list(dict.fromkeys([*table.notes, *remarks])),
    )
