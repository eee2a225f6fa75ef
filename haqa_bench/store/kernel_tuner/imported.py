"""Another tuner's file as the rows of a response table, in the units of its cell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError, Status
from haqa_bench.space import Configuration, SearchSpace, key_of
from haqa_bench.store.kernel_tuner import cache, t4
from haqa_bench.store.kernel_tuner.amounts import Amount, Wanted, amount
from haqa_bench.store.kernel_tuner.entries import Entry, Failure, ForeignFile, finite
from haqa_bench.store.kernel_tuner.opened import NAME_ONE, opened
from haqa_bench.store.tables import IMPORTED, IMPORTED_SHA256, TAKEN


class Conversion(NamedTuple):
    """How a metric came to the cell's unit: its name and unit in the file, and the factor."""

    metric: str
    called: str
    unit: str
    factor: float


class Imported(NamedTuple):
    """A response table's rows; `alone` counts values that stand without their samples."""

    file: ForeignFile
    rows: Sequence[JsonObject]
    failures: Mapping[Status, int]
    conversions: Sequence[Conversion]
    alone: int


class _Row(NamedTuple):
    configuration: Configuration
    failure: Failure | None
    amounts: Mapping[Wanted, Amount]
    readings: Sequence[JsonObject]


def read(path: Path, space: SearchSpace | None = None) -> ForeignFile:
    """The file at `path`, of a `space` where one is given.

    Raises:
        HaqaError: it is neither a Kernel Tuner cache nor T4 results, or a field is wrong.
    """
    found, sha256 = opened(path)
    if isinstance(found.get("cache"), dict):
        return cache.read(path, found, sha256, space)
    if isinstance(found.get("results"), list):
        return t4.read(path, found, sha256, space)
    raise HaqaError(path, "neither a Kernel Tuner cache nor T4 results", NAME_ONE)


def imported(path: Path, cell: Cell, stated: Mapping[str, str]) -> Imported:
    """The file at `path` as the response table of `cell`; `stated` are units that a person says, by
    metric.

    Raises:
        HaqaError: a configuration is outside the space or given twice, or a metric is missing, in
        an unknown unit, or at odds with its samples.
    """
    file = read(path, cell.space)
    found = [_row(path, cell, entry, stated) for entry in file.entries]
    keys = [key_of(row.configuration) for row in found]
    known = set(keys)
    if len(known) < len(keys):
        ((twice, _),) = Counter(keys).most_common(1)
        raise HaqaError(path, f"{twice} is given twice", "Leave one of both out")
    if found and all(row.failure for row in found):
        raise HaqaError(path, f"none of its {len(found)} configurations has a value")
    facts = {IMPORTED: path.name, IMPORTED_SHA256: file.sha256}
    return Imported(
        file,
        [_told(row, facts) for row in found],
        Counter(row.failure.status for row in found if row.failure),
        sorted({c for row in found for c in _conversions(row)}),
        sum(any(a.alone for a in row.amounts.values()) for row in found),
    )


def _row(path: Path, cell: Cell, entry: Entry, stated: Mapping[str, str]) -> _Row:
    configuration = _within(path, cell, entry)
    if entry.failure:
        return _Row(configuration, entry.failure, {}, _taken(entry))
    found: dict[Wanted, Amount] = {}
    for wanted in _wanted(cell):
        one = amount(path, entry, wanted, stated)
        if isinstance(one, Failure):
            return _Row(configuration, one, {}, _taken(entry))
        found[wanted] = one
    return _Row(configuration, None, found, _readings(entry, found))


def _wanted(cell: Cell) -> list[Wanted]:
    """The goals, in their units, and what is limited, whose ratio to the default alone counts."""
    goals = {goal.metric: goal.unit for goal in cell.objective.goals}
    limited = [c.metric for c in cell.objective.constraints if c.metric not in goals]
    return [*(Wanted(*goal) for goal in goals.items()), *(Wanted(name, None) for name in limited)]


def _within(path: Path, cell: Cell, entry: Entry) -> Configuration:
    """The configuration in the types of the space: tools write 1 and 1.0 for the same."""
    found = dict(entry.configuration)
    for name, parameter in cell.space.listable.items():
        value = found.get(name)
        if isinstance(value, int | float) and not parameter.has(value):
            alike = [c for c in parameter.choices if c == value and type(c) is not bool]
            found[name] = alike[0] if alike and not isinstance(value, bool) else value
    if problems := cell.space.problems(found):
        raise HaqaError(
            path,
            f"{entry.where}: {cell.id}: {problems[0]}",
            "Import it into the cell that it was measured for",
        )
    return {name: found[name] for name in cell.space.root}


def _readings(entry: Entry, found: Mapping[Wanted, Amount]) -> list[JsonObject]:
    """What was wanted, then all other numbers as they are, then what the evaluation took."""
    named = {TAKEN} | {w.metric for w in found} | {a.called for a in found.values()}
    others = [
        _reading(name, quantity.unit or "", [float(quantity.value)])
        for name, quantity in entry.values.items()
        if name not in named
        and isinstance(quantity.value, int | float)
        and not isinstance(quantity.value, bool)
        and finite(quantity.value)
    ]
    wanted = [_reading(w.metric, w.unit or a.unit, a.samples) for w, a in found.items()]
    return [*wanted, *others, *_taken(entry)]


def _taken(entry: Entry) -> list[JsonObject]:
    return [] if entry.seconds is None else [_reading(TAKEN, "s", [entry.seconds])]


def _reading(name: str, unit: str, samples: Sequence[float]) -> JsonObject:
    return {"name": name, "unit": unit, "samples": list(samples)}


def _told(row: _Row, facts: Mapping[str, str]) -> JsonObject:
    """As a response table has it."""
    return {
        "configuration": key_of(row.configuration),
        "pass": 0,
        "status": row.failure.status if row.failure else Status.OK,
        "reason": row.failure.reason if row.failure else "",
        "readings": list(row.readings),
        "facts": dict(facts),
    }


def _conversions(row: _Row) -> list[Conversion]:
    return [
        Conversion(wanted.metric, one.called, one.unit, one.factor)
        for wanted, one in row.amounts.items()
        if wanted.unit is not None
    ]
