"""Our rows of the paper's tables of accuracies: models that were trained anew and tested."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from haqa_bench.project import Run
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.tests import Test, Tests
from haqa_bench.report.paper.line import NONE, Line, repeated
from haqa_bench.report.paper.methods import Standing, standing
from haqa_bench.report.published.document import Column, PublishedTable
from haqa_bench.report.tables.table import Value, words

SAID = (
    "mean ± standard deviation over studies, of each one's winner trained anew and tested; ±0.00 "
    "where all studies chose the same configuration; of the default, and where there is one study, "
    "over seeds"
)


def by_method(run: Run, table: PublishedTable, found: Sequence[Best], tests: Tests) -> list[Line]:
    """A line for each cell, whose columns are methods (paper: table 1)."""
    return [
        Line(
            run.cells[of.cell],
            (run.cells[of.cell].model_name, of.extra or run.cells[of.cell].bit_width),
            dict(_methods(table, of, tests)),
            _source(of),
            SAID,
            place=of.place,
            methods=of.methods,
        )
        for of in standing(table, found)
    ]


def _methods(table: PublishedTable, of: Standing, tests: Tests) -> Iterator[tuple[str, Value]]:
    for column in table.columns:
        if row := of.rows.get(column.name):
            yield column.name, repeated(_every(row, tests), column, row.source or "")
        elif not of.extra and not table.methods.get(column.name):
            yield column.name, words(NONE)


def by_task(run: Run, table: PublishedTable, found: Sequence[Best], tests: Tests) -> list[Line]:
    """A line for each cell and method, whose columns are tasks (paper: table 2)."""
    return [
        Line(
            run.cells[of.cell],
            (
                run.cells[of.cell].model_name,
                run.cells[of.cell].bit_width,
                f"{label}: {row.method}" if of.extra else label,
            ),
            dict(_tasks(table, row, tests)),
            row.source or "",
            SAID,
            methods={} if of.place else {label: row.method},
        )
        for of in standing(table, found)
        for label, row in of.rows.items()
    ]


def _tasks(table: PublishedTable, row: Best, tests: Tests) -> Iterator[tuple[str, Value]]:
    for column in table.columns:
        if column.kind == "average":
            yield column.name, repeated(_every(row, tests), column, row.source or "")
        else:
            yield column.name, repeated(_task(row, tests, column), column, row.source or "")


def _every(row: Best, tests: Tests) -> list[float]:
    """The accuracy of each study, in %; of the default, or of one study, with each seed."""
    if not _by_seed(row):
        return tests.accuracies(row)
    return [test.accuracy for seeds in _tested(row, tests) for test in seeds.values()]


def _task(row: Best, tests: Tests, column: Column) -> list[float]:
    """The same of one task; none where a test has no items of it."""
    found = [
        [100 * float(t.items[column.ours].mean()) for t in seeds.values() if column.ours in t.items]
        for seeds in _tested(row, tests)
    ]
    return [x for of in found for x in of] if _by_seed(row) else [fmean(of) for of in found if of]


def _by_seed(row: Best) -> bool:
    """Whether the seeds of the tests are the repeats, since there is one study, or none."""
    return row.is_default or row.studies == 1


def _tested(row: Best, tests: Tests) -> list[Mapping[int, Test]]:
    """The tests of each winner, by seed."""
    return [seeds for winner in row.winners if (seeds := tests.at(row.cell, winner))]


def _source(of: Standing) -> str:
    return ", ".join(dict.fromkeys(row.source or "none" for row in of.rows.values()))
