"""The tables of a run: TABLES are all that there are, each with what of a run it tells of.

A cell is told of by the first table that knows it; the tables of best results tell of all that no
other does, so that nothing is left out in silence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.project import Project, Run
from haqa_bench.report import labels, traits
from haqa_bench.report.found import answers as memory
from haqa_bench.report.found import (
    budgets,
    imports,
    kernel_rooflines,
    mishaps,
    pairs,
    ranges,
    simulators,
    studies,
    tests,
    weights,
)
from haqa_bench.report.found import format_choices as formats
from haqa_bench.report.found import fronts as goals
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.found.exact import exact
from haqa_bench.report.found.overlap import overlaps
from haqa_bench.report.found.uncertainty import uncertainty
from haqa_bench.report.published import document
from haqa_bench.report.tables import (
    best_found,
    bit_widths,
    comparison,
    fronts,
    memory_limits,
    memory_plans,
    random_weights,
    spent,
)
from haqa_bench.report.tables.best_found_rows import Beside
from haqa_bench.report.tables.table import Table, slug_of
from haqa_bench.report.verdict import Verdict, against

IMPORTED = "Best configurations found among imported measurements"
"""The title of a table of cells of which nothing was measured here, whatever their track."""


class Maker(NamedTuple):
    """A table: its name, the cells of a run that it tells of, and how it is made."""

    name: str
    cells: Callable[[Run], set[str]]
    make: Callable[[Run, Project], Mapping[str, Table]]

    def applies(self, run: Run) -> bool:
        """Whether a run has something for it."""
        return bool(self.cells(run))


def _fronts(run: Run, project: Project) -> Mapping[str, Table]:
    return fronts.tables(run, project)


def _bit_widths(run: Run, project: Project) -> Mapping[str, Table]:
    paper = document.load(project.published("table4"))
    found = formats.format_choices(run)
    made = {"table4": bit_widths.table(run, project, found, paper)}
    return {**made, "table4-methods": bit_widths.chosen(run, project, found)}


def _memory_limits(run: Run, project: Project) -> Mapping[str, Table]:
    paper = document.load(project.published("table5"))
    found = memory.answers(run)
    made = {"table5": memory_limits.table(run, found, paper)}
    return {**made, **memory_plans.tables(run, found)}


SPECIAL = (
    Maker("fronts", goals.with_several_goals, _fronts),
    Maker("table4", lambda run: {c.cell for c in formats.format_choices(run)}, _bit_widths),
    Maker("table5", lambda run: {a.cell for a in memory.answers(run)}, _memory_limits),
)


def _others(run: Run) -> set[str]:
    """The cells that no special table tells of."""
    told = set[str]().union(*(maker.cells(run) for maker in SPECIAL))
    return {row.cell for row in best(run)} - told


def _best_found(run: Run, project: Project) -> Mapping[str, Table]:
    cells = _others(run)
    rows: dict[str, list[Best]] = {name: [] for name in tracks.known()}
    for row in best(run):
        if row.cell in cells:
            rows[row.track].append(row)
    made: dict[str, Table] = {}
    for of_track in filter(None, rows.values()):
        with run.leaving_out(run.cells[of_track[0].cell], "asked for its table"):
            for of_metric in _by_metric(of_track):
                name, table = _of_track(run, project, of_metric)
                made[name if name not in made else f"{name}-{slug_of(of_metric[0].metric)}"] = table
    return made


def _by_metric(rows: Sequence[Best]) -> Iterable[Sequence[Best]]:
    """Rows whose cells tune one metric, in the order of the first of each."""
    found: dict[tuple[str, str], list[Best]] = {}
    for row in rows:
        found.setdefault((row.metric, row.unit), []).append(row)
    return found.values()


def _of_track(run: Run, project: Project, rows: Sequence[Best]) -> tuple[str, Table]:
    cell = run.cells[rows[0].cell]
    track, name = tracks.of(cell), traits.name_of(cell)
    cells = {row.cell: run.cells[row.cell] for row in rows}
    beside = Beside(
        document.load(project.published(name)),
        pairs.pairs(run),
        tests.tests(run),
        {cell_id: part for cell_id, of in cells.items() if (part := traits.part(of))},
        kernel_rooflines.roofs(run),
        {cell_id: traits.peer(of) for cell_id, of in cells.items()},
        weights.weights(run),
        {c: found for c, of in cells.items() if (found := tracks.of(of).chance(of)) is not None},
        {c: known for c in cells if (known := exact(run, project, c)) is not None},
        overlaps(run),
        cells,
        against_random(run),
    )
    kind = best_found.kind_of(rows, track.confirmed, bool(track.published), beside)
    return name, best_found.table(track.title if kind.own else IMPORTED, rows, kind, beside)


def against_random(run: Run) -> Mapping[tuple[str, str], Verdict]:
    """The verdict on each method of a run against random search, by cell and method."""
    return against(studies.results(run), "random", pairs.pairs(run).floors)


TABLES = (Maker("best", _others, _best_found), *SPECIAL)


def tables(run: Run, project: Project) -> dict[str, Table]:
    """The tables of a run, by name, without those that a plug-in's track fails to tell of
    (run.faults).

    Raises:
        HaqaError: the database, or what was published, cannot be read; or no table is left.
    """
    made: dict[str, Table] = {}
    for maker in TABLES:
        if maker.applies(run):
            made |= maker.make(run, project)
    if run.faults and not made:
        raise next(iter(run.faults.values()))
    return _all_finished(made, run)


def _all_finished(made: Mapping[str, Table], run: Run) -> dict[str, Table]:
    """The first tells of what failed where no table has a row, and of tables left out."""
    told = {key.cell for table in made.values() for key in table.keys}
    untold = mishaps.failed_cells(run) - told
    first = next(iter(made), "")
    finished = {
        name: _finished(table, run, name, untold if name == first else set())
        for name, table in made.items()
    }
    if run.faults:
        notes = [*finished[first].notes, *(f"{fault}." for fault in run.faults)]
        finished[first] = finished[first]._replace(notes=notes)
    return finished


def _finished(table: Table, run: Run, name: str, more: set[str]) -> Table:
    """With what the suite says of it: remarks, labels, and its name in LaTeX; and what failed, in
    its cells and in `more`.
    """
    cells = {key.cell for key in table.keys}
    remarks = run.suite.said_of(cells) if name != "spent" else []
    remarks += mishaps.sentences(run, cells | more)
    others = imports.sentences(imports.imports(run), cells if name != "spent" else set())
    others += budgets.sentences([run.cells[cell] for cell in run.cells if cell in cells])
    others += simulators.sentences(simulators.simulators(run), cells or run.cells)
    spelled = weights.spelled(run.cells, weights.weights(run))
    return random_weights.marked(table, run.cells)._replace(
        label=f"{run.suite.name}-{name}",
        labels=run.suite.labels,
        notes=[*dict.fromkeys([*table.notes, *others]), *remarks],
        details=[*table.details, *_bits(table, spelled, cells)],
        spelled=spelled,
    )


def _bits(table: Table, spelled: Mapping[str, str], cells: set[str]) -> list[str]:
    """What stands behind a bit-width that only the ids of a table's cells tell of."""
    if any(column.slug == labels.BIT_WIDTH for column in table.columns):
        return []
    told = "; ".join(f"{cell} {label}" for cell, label in spelled.items() if cell in cells)
    return [f"Bits a weight, of the default's file: {told}."] if told else []


def compared_with(run: Run, project: Project, against: str) -> Table:
    """Each cell's methods beside the method `against`.

    Raises:
        HaqaError: no study is of that method; or the database or a table cannot be read.
    """
    known = {
        cell: comparison.Known(exact(run, project, cell), uncertainty(run, project, cell))
        for cell in run.cells
    }
    found = studies.results(run)
    cells = [run.cells[name] for name in dict.fromkeys(result.cell for result in found)]
    listed = any(cell.space.finite for cell in cells)
    made = comparison.table(found, against, pairs.pairs(run).floors, known, listed)
    others = imports.sentences(imports.imports(run), run.cells)
    others += simulators.sentences(simulators.simulators(run), run.cells)
    return made._replace(notes=[*made.notes, *ranges.sentences(cells), *others])


def compared(run: Run, project: Project, against: str = "random") -> dict[str, Table]:
    """The tables that compare methods, by name; without the first where no study is of the method
    `against`.

    Raises:
        HaqaError: the database cannot be read.
    """
    measured = any(result.method == against for result in studies.results(run))
    first = {"comparison": compared_with(run, project, against)} if measured else {}
    made = {**first, **fronts.tables(run, project), "spent": spent.table(run)}
    return _all_finished(made, run)
