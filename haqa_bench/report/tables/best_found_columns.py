"""The columns of the tables of best results."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from haqa_bench.report.found.best import Best
from haqa_bench.report.published import beside as published
from haqa_bench.report.tables import best_found_values as values
from haqa_bench.report.tables.best_found_rows import (
    CHANCE,
    EVERY,
    FOUND,
    METHODS,
    STUDIED,
    TRAINED,
    TUNED,
    Beside,
    Kind,
    Told,
)
from haqa_bench.report.tables.table import Column, Place, Role, Value, digits_of, words


class Maker(NamedTuple):
    """A column to be: its heading, in which {} is the unit and {metric} what is measured; what
    stands below it, and how that is reckoned; and which tables have it.

    It is empty in other rows than its `rows`; `main` is what the best are told by.
    """

    heading: str
    value: Callable[[Best, Beside], Value]
    about: str = ""
    applies: Callable[[Kind], bool] = lambda kind: True
    role: Role = "value"
    rows: Collection[Told] = STUDIED
    main: bool = False
    unit: str = ""
    digits: int | None = None
    place: Place = "row"

    def of(self, row: Best) -> Column:
        """The column of a table of rows like this one."""
        unit = row.unit if self.main else self.unit
        digits = digits_of(unit) if self.main else self.digits
        heading = self.heading.format(row.unit, metric=row.metric)
        return Column(heading, unit, digits, self.about, self.role, place=self.place)


def _speeds(kind: Kind) -> bool:
    return kind.speed


def _differences(kind: Kind) -> bool:
    return not kind.speed


def _paired(kind: Kind) -> bool:
    return kind.confirmed == "pairs"


def _anew(kind: Kind) -> bool:
    return kind.confirmed == "tests"


def _untested(kind: Kind) -> bool:
    return kind.confirmed != "tests"


def _parts(kind: Kind) -> bool:
    return kind.parts


def _own_parts(kind: Kind) -> bool:
    return kind.parts and kind.own


def _filed(kind: Kind) -> bool:
    return kind.files


BEST = (
    "the median over studies of the best configuration found that breaks no constraint; of "
    "the default, its own value"
)
N = (
    "studies of the method on the cell; of the default its samples, or the seeds that it "
    "was tested with"
)
TESTED = "Test {}, %"
"""Heads a column of a task's metric, such as boolq_acc."""
RANGE = "the best found by the worst and by the best study"


def _of_cell(
    heading: str,
    value: Callable[[Best, Beside], Value],
    applies: Callable[[Kind], bool] = lambda kind: True,
) -> Maker:
    return Maker(heading, value, "", applies, "key", rows=EVERY, place="heading")


COLUMNS = (
    _of_cell("Kernel", lambda row, b: words(b.parts[row.cell]), _parts),
    _of_cell("Model", lambda row, _: words(row.model)),
    _of_cell("Bit-width", lambda row, _: words(row.bit_width)),
    _of_cell("Hardware", lambda row, _: words(row.hardware)),
    Maker("Method", values.method, role="key", rows=EVERY),
    Maker("n", values.studies, N, _untested, "n", rows=EVERY),
    Maker("n", values.seeds_or_studies, N, _anew, "n", rows=EVERY),
    Maker("{}", values.best_value, BEST, _speeds, rows=FOUND, main=True),
    Maker("{metric}, {}", values.best_value, BEST, _differences, rows=FOUND, main=True),
    Maker("Range", values.range_found, RANGE, _untested, rows=TUNED),
    Maker(
        "Speed-up",
        values.speed_up,
        "the median over studies of the best found over the same study's default (the "
        "other way round for times)",
        _speeds,
        unit="1",
        digits=3,
        rows=FOUND,
    ),
    Maker(
        "Gain",
        values.gain,
        "the best found less the default, larger is better",
        lambda kind: _differences(kind) and not _anew(kind),
        rows=TUNED,
    ),
    Maker(
        "Confirmed",
        values.confirmed,
        "the median over studies of the winner over the default in interleaved pairs, "
        "apart from the tuning, a kept default as 1; in brackets, how "
        "many winners' whole 95 % interval is above 1, or why the default is what to use",
        _paired,
        unit="1",
        digits=3,
        rows=METHODS,
    ),
    Maker(
        "Test accuracy, %",
        values.test_accuracy,
        "the winner trained anew with seeds that no tuning has seen, and tested: mean over "
        "seeds, median over studies",
        _anew,
        unit="%",
        digits=2,
        rows=TRAINED,
    ),
    Maker(
        "Test range",
        values.test_range,
        "the test accuracy of the worst and of the best study's winner",
        _anew,
        unit="%",
        digits=2,
        rows=METHODS,
    ),
    Maker(
        "Against default",
        values.against_default,
        "the median over studies of the winner's test accuracy less the default's, in points, "
        "same seeds and items; in brackets, how many winners are better: ahead with every seed, "
        "and by more than the 95 % interval over items",
        _anew,
        unit="points",
        digits=2,
        rows=METHODS,
    ),
    Maker(
        "Gain",
        values.gain,
        "the best found less the default, larger is better",
        lambda kind: _differences(kind) and _anew(kind),
        rows=TUNED,
    ),
    Maker("Range", values.range_found, RANGE, _anew, rows=TUNED),
    Maker(
        "Against ggml",
        values.against_peer,
        "the winner's ratio to the default in pairs over that of ggml's own kernel",
        _own_parts,
        unit="1",
        digits=2,
    ),
    Maker(
        "Bits",
        values.bits,
        "bits a weight, over the whole file that the winner ran with; median over studies",
        _filed,
        unit="bits",
        digits=2,
    ),
    Maker(
        "Perplexity",
        values.perplexity,
        "the winner's over the default's, of the quality text; median over studies",
        _filed,
        unit="1",
        digits=2,
    ),
    Maker(
        "Of roofline",
        values.of_roofline,
        "the median over studies of the least time that bandwidth or arithmetic allow "
        "over the winner's, sample by sample",
        _own_parts,
        unit="%",
        digits=1,
    ),
    Maker(
        "Of optimum",
        values.of_optimum,
        "the median over studies of the best found as a share of the best feasible "
        "value that the whole response table holds",
        lambda kind: kind.speed and kind.listed,
        unit="%",
        digits=1,
        rows=FOUND,
    ),
    Maker(
        "Of the way",
        values.of_the_way,
        "how far the median best has come from the default, 0 %, to the best feasible value "
        "that the whole response table holds, 100 %",
        lambda kind: kind.listed and not kind.speed,
        unit="%",
        digits=1,
        rows=TUNED,
    ),
    Maker(
        "Source",
        lambda row, _: words(row.source or "none" if row.method != CHANCE else ""),
        "where the numbers of the trials came from",
        role="source",
        place="wide",
        rows=EVERY,
    ),
    Maker(
        "Invalid / failed / repeated",
        values.outcomes,
        "proposals outside the space, configurations that could not be measured, "
        "repeats; of all proposals of the studies",
        unit="proposals",
        place="wide",
        rows=METHODS,
    ),
    Maker(
        "Published speed-up",
        values.published_value,
        published.ABOUT,
        lambda kind: kind.published and kind.speed,
        "published",
        place="wide",
        rows=METHODS,
    ),
    Maker(
        "Published accuracy",
        values.published_value,
        published.ABOUT,
        lambda kind: kind.published and not kind.speed,
        "published",
        place="wide",
    ),
)


def columns_of(kind: Kind) -> list[Maker]:
    """The columns of a table of this kind: in its wide form, those of each task of its tests before
    where numbers came from.
    """
    known = [column for column in COLUMNS if column.applies(kind)]
    wide = next(i for i, column in enumerate(known) if column.role == "source")
    return [*known[:wide], *(_of_task(name) for name in kind.tasks), *known[wide:]]


def _of_task(name: str) -> Maker:
    about = "of this task, the share of items that the winners' tests have right"
    heading = TESTED.format(name)
    return Maker(
        heading,
        values.task_accuracy(name),
        f"{about}: mean over seeds, median over studies",
        unit="%",
        digits=2,
        place="wide",
        rows=TRAINED,
    )
