"""What a file brings to a suite and its response table, whatever kind of file it is."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError, Status, nearest
from haqa_bench.space import Configuration, Scalar
from haqa_bench.store.own_tables import as_suite, scalars
from haqa_bench.store.own_tables.frame import Frame
from haqa_bench.store.own_tables.mapped import WELL, Mapped, Said, mapped
from haqa_bench.store.own_tables.rows import rows
from haqa_bench.store.own_tables.said import Metric
from haqa_bench.store.own_tables.scalars import Choices
from haqa_bench.store.tables import IMPORTED, IMPORTED_SHA256

MOST_TEXT = 150_000
"""Characters of all choices together: a suite is a file that people read, of 200 KB at most."""


class Filled(NamedTuple):
    """A response table's rows; how many configurations failed, by status; and what else is to be
    told of them.
    """

    table: pa.Table
    failures: Mapping[Status, int]
    notes: Sequence[str]


class Default(NamedTuple):
    """The configuration that people use: where it stands in the file, if nobody said which it is,
    and its values in the units of the metrics: none where it failed, None where they are not known
    yet.
    """

    configuration: Configuration
    place: str
    values: Mapping[str, float] | None


class Brought(NamedTuple):
    """A file's measurements; `metrics` with the digits that a table shows of each."""

    form: str
    sha256: str
    metrics: Mapping[Metric, int]
    choices: Mapping[str, Sequence[Scalar]]
    configurations: int
    default: Default
    filled: Callable[[Cell], Filled]

    @property
    def combinations(self) -> int:
        """Of all choices."""
        found = 1
        for values in self.choices.values():
            found *= len(values)
        return found


def of_columns(frame: Frame, found: Mapped, default: Mapping[str, str] | None) -> Brought:
    """What was mapped of a file of columns, with a person's `default` or its first configuration
    that was measured.

    Raises:
        HaqaError: the default is none of the file's, or the choices are too many.
    """
    choices = {name: list(one.values) for name, one in found.choices.items()}
    check_choices(frame.path, choices)
    chosen = _default(frame, found, default)
    shown = {m: _digits(found, number) for number, m in enumerate(found.metrics)}
    filled = partial(_filled, frame, found)
    return Brought(frame.form, frame.sha256, shown, choices, len(found.grid), chosen, filled)


def check_choices(path: Path, choices: Mapping[str, Sequence[Scalar]]) -> None:
    """Raises HaqaError for more choices than a suite has room for."""
    sizes = {name: sum(len(str(v)) + 4 for v in values) for name, values in choices.items()}
    if sum(sizes.values()) > MOST_TEXT:
        name = max(sizes, key=lambda one: sizes[one])
        what = f"the parameter '{name}' has {len(choices[name]):,} values, too many for a suite"
        raise HaqaError(path, what, "Round them to few, or leave the column out")


def chosen_values(
    said: Mapping[str, str], choices: Mapping[str, Sequence[Scalar]]
) -> Configuration:
    """A configuration that a person says, in the types of its choices.

    Raises:
        HaqaError: it names what is no parameter, leaves one out, or a value is no choice.
    """
    for name in said:
        if name not in choices:
            raise HaqaError("--default", f"no parameter '{name}'", nearest(name, list(choices)))
    if missing := [name for name in choices if name not in said]:
        raise HaqaError("--default", f"says nothing of {', '.join(missing)}", "Name all parameters")
    return {name: _choice(name, said[name], values) for name, values in choices.items()}


def of_cell(frame: Frame, cell: Cell, said: Said) -> Filled:
    """A file's columns as the table of a cell; `said` has its parameters and metrics.

    Raises:
        HaqaError: as `mapped`; or a value is no choice of the space.
    """
    found = mapped(frame, said)
    for name, choices in found.choices.items():
        parameter = cell.space.listable[name]
        for code, value in enumerate(choices.values):
            if not parameter.has(parameter.meant(value)):
                where = frame.place(int(np.argmax(choices.codes == code)))
                what = f"{name}: {value!r} is none of {list(parameter.choices)}"
                raise HaqaError(where, what, "Import it into the cell that it was measured for")
    meant = {name: _meant(cell, name, choices) for name, choices in found.choices.items()}
    return _filled(frame, found._replace(choices=meant), cell)


def _meant(cell: Cell, name: str, choices: Choices) -> Choices:
    """The choices of a cell's space that those of a file equal."""
    parameter = cell.space.listable[name]
    known: dict[tuple[type, object], Scalar] = {
        (type(value), value): value for value in parameter.choices
    }
    meant = [parameter.meant(value) for value in choices.values]
    return choices._replace(values=[known[type(value), value] for value in meant])


def columns_of(cell: Cell) -> tuple[list[str], list[Metric]]:
    """What the columns of a cell's file are called: its parameters, and what it is judged by."""
    goals = [Metric(g.metric, g.unit, g.direction or "maximize") for g in cell.objective.goals]
    limited = dict.fromkeys(c.metric for c in cell.objective.constraints)
    judged = {goal.name for goal in goals}
    others = [Metric(name, "1", "minimize") for name in limited if name not in judged]
    return list(cell.space.root), [*goals, *others]


def _choice(name: str, text: str, values: Sequence[Scalar]) -> Scalar:
    """The choice that a text means."""
    (meant,) = scalars.typed([text])
    for value in values:
        same = value == meant and isinstance(value, bool) == isinstance(meant, bool)
        if same or str(value) == text:
            return value
    told = nearest(text, [str(value) for value in values])
    raise HaqaError("--default", f"{name} is never '{text}' in the file", told)


def _default(frame: Frame, found: Mapped, said: Mapping[str, str] | None) -> Default:
    measured = found.measured()
    if said is None:
        number = int(np.argmax(measured))
        place = frame.place(int(found.first[number]))
        return Default(found.configuration(number), place, _values(found, number))
    choices = {name: one.values for name, one in found.choices.items()}
    configuration = chosen_values(said, choices)
    codes = [choices[name].index(value) for name, value in configuration.items()]
    numbers = np.flatnonzero((found.grid == codes).all(1))
    if not len(numbers):
        told = ", ".join(f"{name}={value}" for name, value in configuration.items())
        raise HaqaError("--default", f"no row of {frame.path.name} has {told}")
    number = int(numbers[0])
    return Default(configuration, "", _values(found, number) if measured[number] else {})


def _values(found: Mapped, number: int) -> Mapping[str, float]:
    """What a response table says of a configuration."""
    samples = found.readings[(found.of_row == number) & (found.failed == WELL)]
    return {
        metric.name: estimate([float(s) for s in samples[:, place]], metric.unit).value
        for place, metric in enumerate(found.metrics)
    }


def _digits(found: Mapped, number: int) -> int:
    values = found.readings[found.failed == WELL, number]
    return as_suite.digits(values[: 10**5].tolist())


def _filled(frame: Frame, found: Mapped, cell: Cell) -> Filled:
    fewest, most = found.repeats()
    notes = []
    if most > 1:
        told = str(most) if fewest == most else f"{fewest} to {most}"
        notes = [f"{told} repeats each, kept as samples"]
    facts = {IMPORTED: frame.path.name, IMPORTED_SHA256: frame.sha256}
    return Filled(rows(found, facts), found.kinds(), notes)
