"""The rows of a file as configurations, each with what was measured of it, or why nothing was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haqa_bench.errors import HaqaError, Status, nearest
from haqa_bench.space import LISTED, Configuration
from haqa_bench.store.own_tables import scalars
from haqa_bench.store.own_tables.failures import Failure, Unread, of_word, reading, shown
from haqa_bench.store.own_tables.frame import Codes, Frame, Nested
from haqa_bench.store.own_tables.said import Metric
from haqa_bench.store.own_tables.scalars import Choices

LINE = "line"
"""What tells repeats apart where no column does: each line is one more."""
WELL = -1
"""In place of a failure's number."""


class Said(NamedTuple):
    """What a person says of a file: which columns are what, and which words of the status mean that
    all went well, where they are not those that are known.
    """

    parameters: Sequence[str]
    metrics: Sequence[Metric]
    status: str | None = None
    repeats: str | None = None
    well: Sequence[str] = ()


class Mapped(NamedTuple):
    """A file's measurements. `grid` holds a row of choices' numbers for each configuration, in the
    order in which they first occur, and `first` the row of the file in which it does.

    Of each row of the file: its configuration, how manieth of it it is, the number of its failure
    or `WELL`, and what was read of each metric.
    """

    choices: Mapping[str, Choices]
    metrics: Sequence[Metric]
    grid: Codes
    first: Codes
    of_row: Codes
    passes: Codes
    failed: Codes
    failures: Sequence[Failure]
    readings: npt.NDArray[np.float64]

    def configuration(self, number: int) -> Configuration:
        """A configuration by its number."""
        return {
            name: found.values[code]
            for (name, found), code in zip(self.choices.items(), self.grid[number], strict=True)
        }

    def measured(self) -> npt.NDArray[np.bool_]:
        """Whether more than half of its repeats were measured, of each configuration."""
        well = np.bincount(self.of_row, self.failed == WELL, len(self.grid))
        return 2 * well > np.bincount(self.of_row, minlength=len(self.grid))

    def kinds(self) -> Mapping[Status, int]:
        """How many configurations failed, by the status of the first repeat that did."""
        rows = np.flatnonzero(self.failed != WELL)
        which, first = np.unique(self.of_row[rows], return_index=True)
        lost = ~self.measured()[which]
        return Counter(self.failures[n].status for n in self.failed[rows[first[lost]]])

    def repeats(self) -> tuple[int, int]:
        """The fewest and the most rows of a configuration."""
        counts = np.bincount(self.of_row)
        return int(counts.min()), int(counts.max())


def mapped(frame: Frame, said: Said) -> Mapped:
    """The measurements of a file.

    Raises:
        HaqaError: a column is not there or is two things at once, a configuration stands twice and
        nothing tells its repeats apart, a value is no number, or nothing was measured.
    """
    _check(frame, said)
    choices = {name: _choices(frame, name) for name in said.parameters}
    of_row, first = _grouped([found.codes for found in choices.values()])
    passes = _passes(frame, said, choices, of_row, first)
    failures: dict[Failure, int] = {}
    failed = _by_status(frame, said, failures)
    readings = np.full((frame.rows, len(said.metrics)), np.nan)
    for number, metric in enumerate(said.metrics):
        readings[:, number] = _read(frame, metric.name, failed, failures)
    if (failed != WELL).all():
        what = f"none of its {len(first):,} configurations has a value of every metric"
        raise HaqaError(frame.path, what, f"Its first row: {next(iter(failures)).reason}")
    grid = np.stack([found.codes[first] for found in choices.values()], 1)
    return Mapped(
        choices, said.metrics, grid, first, of_row, passes, failed, list(failures), readings
    )


def _check(frame: Frame, said: Said) -> None:
    """Raises HaqaError where columns are missing, or one is said to be two things."""
    named = {
        **dict.fromkeys(said.parameters, "--parameters"),
        **({said.status: "--status"} if said.status else {}),
    }
    roles = [*said.parameters, *(m.name for m in said.metrics), said.status, said.repeats]
    for name in filter(None, roles):
        if roles.count(name) > 1:
            option = named.get(name, "--repeats-by")
            raise HaqaError(frame.path, f"the column '{name}' cannot be both in {option} and again")
        if name not in frame.names and not (name == said.repeats == LINE):
            raise HaqaError(frame.path, f"no column '{name}'", nearest(name, frame.names))
    if LISTED in said.parameters:
        what = f"a suite means something else by '{LISTED}'"
        raise HaqaError(frame.path, what, "Rename the column")
    if not frame.rows:
        raise HaqaError(frame.path, "has names, and no measurement")


def _choices(frame: Frame, name: str) -> Choices:
    column = frame.column(name)
    nested = [n for n, value in enumerate(column.values) if isinstance(value, Nested | bytes)]
    if nested:
        where = frame.place(int(np.argmax(column.codes == nested[0])))
        raise HaqaError(where, f"{name}: a list or an object is no value of a parameter")
    return scalars.choices(column)


def _grouped(columns: Sequence[Codes]) -> tuple[Codes, Codes]:
    """The number of each row's combination of codes, in the order in which they first occur, and
    the row of each combination's first.
    """
    ids = columns[0]
    for codes in columns[1:]:
        ids = np.unique(ids * (int(codes.max()) + 1) + codes, return_inverse=True)[1]
    _, first, ids = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(first)
    renamed = np.empty_like(order)
    renamed[order] = np.arange(len(order))
    return renamed[ids], first[order]


def _passes(
    frame: Frame, said: Said, choices: Mapping[str, Choices], of_row: Codes, first: Codes
) -> Codes:
    """How manieth of its configuration a row is."""
    if said.repeats != LINE or LINE in frame.names:
        told = [of_row, frame.column(said.repeats).codes] if said.repeats else [of_row]
        same, once = _grouped(told)
        if len(once) < frame.rows:
            raise _twice(frame, said, choices, same, once)
    order = np.argsort(of_row, kind="stable")
    starts = np.searchsorted(of_row[order], np.arange(len(first)))
    passes = np.empty_like(of_row)
    passes[order] = np.arange(frame.rows) - starts[of_row[order]]
    return passes


def _twice(
    frame: Frame, said: Said, choices: Mapping[str, Choices], same: Codes, first: Codes
) -> HaqaError:
    """The first two rows that are the same."""
    row = int(np.setdiff1d(np.arange(frame.rows), first, assume_unique=True).min())
    one = int(first[same[row]])
    told = ", ".join(f"{name}={found.values[found.codes[row]]}" for name, found in choices.items())
    again = f" and {said.repeats}" if said.repeats else ""
    what = f"has the same configuration{again} as {frame.place(one)}: {told}"
    todo = "Number its repeats in a column for --repeats-by, or take each line for one more with "
    return HaqaError(frame.place(row), what, f"{todo}--repeats-by {LINE}")


def _by_status(frame: Frame, said: Said, failures: dict[Failure, int]) -> Codes:
    """Of each row, the number of the failure that its status says, or WELL."""
    if not said.status:
        return np.full(frame.rows, WELL, np.int64)
    column, told = frame.column(said.status), []
    for code, word in enumerate(column.values):
        text = "" if word is None or word != word else str(word)
        found = of_word(text, said.well) if text.strip() else None
        if isinstance(found, Unread):
            found = _unknown(frame, said, column.codes == code, text, found)
        told.append(WELL if found is None else failures.setdefault(found, len(failures)))
    return np.array(told, np.int64)[column.codes]


def _unknown(
    frame: Frame, said: Said, rows: npt.NDArray[np.bool_], text: str, unread: Unread
) -> Failure:
    """A word that nobody knows: a failure, unless one of its rows has all its numbers."""
    full = rows.copy()
    for metric in said.metrics:
        column = frame.column(metric.name)
        good = np.array([isinstance(reading(value), float) for value in column.values])
        full &= good[column.codes]
    if full.any():
        where = frame.place(int(np.argmax(full)))
        raise HaqaError(where, f"{said.status}: {unread.what}", unread.todo)
    return Failure(Status.CRASHED, f"the file says {shown(text)}")


def _read(
    frame: Frame, name: str, failed: Codes, failures: dict[Failure, int]
) -> npt.NDArray[np.float64]:
    """A metric of each row; what is none makes a failure of rows that had none yet."""
    column = frame.column(name)
    values = np.full(len(column.values), np.nan)
    for code, value in enumerate(column.values):
        found = reading(value)
        if isinstance(found, float):
            values[code] = found
            continue
        rows = (column.codes == code) & (failed == WELL)
        if isinstance(found, Unread) and rows.any():
            where = frame.place(int(np.argmax(rows)))
            raise HaqaError(where, f"{name}: {found.what}", found.todo)
        if isinstance(found, Failure) and rows.any():
            told = Failure(found.status, f"{name}: {found.reason}")
            failed[rows] = failures.setdefault(told, len(failures))
    return values[column.codes]
