"""What another tuner's file brings to a suite of the track `table`, so that nobody types its space
again. Parameters, choices and configurations are the file's; so is what was tuned for, if it says.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.space import Configuration, Scalar, SearchSpace
from haqa_bench.store import tables
from haqa_bench.store.kernel_tuner import units
from haqa_bench.store.kernel_tuner.cache import TIME, TIME_UNIT
from haqa_bench.store.kernel_tuner.entries import Entry, ForeignFile, failure_in
from haqa_bench.store.kernel_tuner.imported import Conversion, imported
from haqa_bench.store.own_tables.as_suite import DIGITS
from haqa_bench.store.own_tables.brought import (
    Brought,
    Default,
    Filled,
    check_choices,
    chosen_values,
)
from haqa_bench.store.own_tables.said import Metric

SAY = "Say it with --metrics NAME:UNIT:min or NAME:UNIT:max"


def metric_of(path: Path, file: ForeignFile) -> Metric:
    """What a file was tuned for; a time is made small.

    Raises:
        HaqaError: the file does not say its unit, or which way is better.
    """
    name = file.objective or TIME
    said = {q.unit for e in file.entries for n, q in e.values.items() if n == name and q.unit}
    unit = said.pop() if len(said) == 1 else TIME_UNIT if name == TIME else None
    if unit is None:
        raise HaqaError(path, f"does not say the unit of {name}", SAY)
    if name != TIME:
        raise HaqaError(path, f"does not say which {name} is better", SAY)
    return Metric(name, unit, "minimize")


def of_tuner(
    path: Path,
    file: ForeignFile,
    metrics: Sequence[Metric],
    stated: Mapping[str, str],
    default: Mapping[str, str] | None,
) -> Brought:
    """What a file brings, of which `metrics` are wanted, the first to be tuned for; `stated` are
    units in the file that a person says. The default is a person's, or the first configuration that
    has a value.

    Raises:
        HaqaError: the file names no parameters, or one that is missing somewhere; or a value is
        none that a space can hold.
    """
    names = list(file.parameters)
    for entry in file.entries:
        if not names or entry.configuration.keys() < set(names):
            raise HaqaError(path, f"{entry.where}: does not name {', '.join(names) or 'anything'}")
    configurations = [{n: e.configuration[n] for n in names} for e in file.entries]
    works = [n for n, entry in enumerate(file.entries) if _works(entry, metrics[0])]
    if not works:
        raise HaqaError(path, f"no configuration has the metric {metrics[0].name}", SAY)
    choices = {name: _choices(file, configurations, name) for name in names}
    first = Default(configurations[works[0]], f"{path}: {file.entries[works[0]].where}", None)
    said = default and Default(chosen_values(default, choices), "", None)
    check_choices(path, choices)
    _check(path, choices, first.configuration)
    return Brought(
        file.form,
        file.sha256,
        dict.fromkeys(metrics, DIGITS),
        choices,
        len(configurations),
        said or first,
        partial(filled, path, _units(file, metrics, stated)),
    )


def _units(
    file: ForeignFile, metrics: Sequence[Metric], stated: Mapping[str, str]
) -> Mapping[str, str]:
    """Units of the file that a person says; those of metrics whose unit it does not say are the
    metrics' own.
    """
    said = {n for e in file.entries for n, q in e.values.items() if q.unit}
    return {m.name: m.unit for m in metrics if m.name not in said} | dict(stated)


def filled(path: Path, stated: Mapping[str, str], cell: Cell) -> Filled:
    """A file as the table of a cell; `stated` are units that a person says.

    Raises:
        HaqaError: as `imported`.
    """
    found = imported(path, cell, stated)
    notes = [_conversion(cell, one) for one in found.conversions]
    if found.alone:
        notes += [f"{found.alone} values stand without their samples, whose statistic they are"]
    return Filled(tables.in_columns(found.rows), found.failures, notes)


def _conversion(cell: Cell, one: Conversion) -> str:
    unit = next(goal.unit for goal in cell.objective.goals if goal.metric == one.metric)
    return f"{one.metric}, {unit}: the file's {one.called} in {one.unit}, times {one.factor:g}"


def _works(entry: Entry, metric: Metric) -> bool:
    """Whether a configuration may be the default: it has a value, or runtimes alone."""
    timed = units.is_time(metric.unit)
    quantity = entry.values.get(metric.name) or (entry.values.get(TIME) if timed else None)
    samples = entry.runtimes.samples if timed else ()
    value = quantity.value if quantity else next(iter(samples), None)
    return not entry.failure and failure_in(value) is None


def _choices(file: ForeignFile, configurations: Sequence[Configuration], name: str) -> list[Scalar]:
    """Those that occur, type included; in the order of the file's list, or of size."""
    found = {(type(c[name]), c[name]): c[name] for c in configurations}
    listed = [v for v in file.parameters[name] if (type(v), v) in found]
    if len(listed) == len(found):
        return listed
    values = list(found.values())
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return sorted(values) if numbers else values


def _check(path: Path, choices: Mapping[str, Sequence[Scalar]], default: Configuration) -> None:
    """Raises HaqaError for choices that no space can have."""
    told = {n: {"choices": tuple(values), "default": default[n]} for n, values in choices.items()}
    try:
        SearchSpace.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise HaqaError(path, f"{first['loc'][0]}: {first['msg']}") from None
