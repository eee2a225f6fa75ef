"""Our rows of the paper's tables of accuracies: models that were trained anew and tested."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.stated import OPTIMIZER, Stated, stated
from haqa_bench.report.found.tests import Test, Tests, tests
from haqa_bench.report.paper.line import NONE, Line, repeated
from haqa_bench.report.paper.methods import Standing, standing
from haqa_bench.report.published.document import Column, PublishedTable
from haqa_bench.report.tables.table import Value, words
from haqa_bench.trial import Status

SAID = (
    "mean ± standard deviation over studies, of each one's winner trained anew and tested; ±0.00 "
    "where all studies chose the same configuration; of the default, and where there is one study, "
    "over seeds"
)


class Known(NamedTuple):
    """What was tested of a run, and what became of what its suite states as one configuration."""

    tests: Tests
    stated: Mapping[tuple[str, str], Stated]


def known(run: Run) -> Known:
    """Of a run.

    Raises:
        HaqaError: the database cannot be read.
    """
    return Known(tests(run), stated(run))


def by_method(run: Run, table: PublishedTable, found: Sequence[Best], known: Known) -> list[Line]:
    """A line for each cell, whose columns are methods (paper: table 1)."""
    return [
        Line(
            run.cells[of.cell],
            (run.cells[of.cell].model_name, of.extra or run.cells[of.cell].bit_width),
            dict(_methods(table, of, known)),
            _source(of),
            SAID,
            place=of.place,
            methods=of.methods,
        )
        for of in standing(table, found)
    ]


def _methods(table: PublishedTable, of: Standing, known: Known) -> Iterator[tuple[str, Value]]:
    for column in table.columns:
        if row := of.rows.get(column.name):
            yield column.name, _failed(row, known) or _mean(row, known, column)
        elif not of.extra and not table.methods.get(column.name):
            yield column.name, words(NONE)


def _failed(row: Best, known: Known) -> Value | None:
    """What became of the configuration that a suite states, where it could not be measured."""
    one = known.stated.get((row.cell, row.method))
    return words(one.status.replace("_", " ")) if one and one.status != Status.OK else None


def _mean(row: Best, known: Known, column: Column) -> Value:
    return repeated(_every(row, known), column, row.source or "")


def by_task(run: Run, table: PublishedTable, found: Sequence[Best], known: Known) -> list[Line]:
    """A line for each cell and method, whose columns are tasks (paper: table 2)."""
    return [
        Line(
            run.cells[of.cell],
            (
                run.cells[of.cell].model_name,
                run.cells[of.cell].bit_width,
                f"{label}: {row.method}" if of.extra else label,
            ),
            dict(_tasks(table, row, known)),
            row.source or "",
            SAID,
            methods={} if of.place else {label: row.method},
        )
        for of in standing(table, found)
        for label, row in of.rows.items()
    ]


def _tasks(table: PublishedTable, row: Best, known: Known) -> Iterator[tuple[str, Value]]:
    for column in table.columns:
        if column.kind == "average":
            yield column.name, _mean(row, known, column)
        else:
            yield column.name, repeated(_task(row, known, column), column, row.source or "")


def _every(row: Best, known: Known) -> list[float]:
    """The accuracy of each study, in %; of the default, or of one study, with each seed."""
    if not _by_seed(row):
        return known.tests.accuracies(row)
    return [test.accuracy for seeds in _tested(row, known) for test in seeds.values()]


def _task(row: Best, known: Known, column: Column) -> list[float]:
    """The same of one task; none where a test has no items of it."""
    found = [
        [100 * float(t.items[column.ours].mean()) for t in seeds.values() if column.ours in t.items]
        for seeds in _tested(row, known)
    ]
    return [x for of in found for x in of] if _by_seed(row) else [fmean(of) for of in found if of]


def _by_seed(row: Best) -> bool:
    """Whether the seeds of the tests are the repeats, since there is one study, or none."""
    return row.is_default or row.studies == 1 or row.optimizer == OPTIMIZER


def _tested(row: Best, known: Known) -> list[Mapping[int, Test]]:
    """The tests of each winner, by seed."""
    return [seeds for winner in row.winners if (seeds := known.tests.at(row.cell, winner))]


def _source(of: Standing) -> str:
    return ", ".join(dict.fromkeys(row.source or "none" for row in of.rows.values()))
