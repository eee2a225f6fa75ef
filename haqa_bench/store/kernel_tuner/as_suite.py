"""A suite of the track `table` for a file of another tuner, so that nobody types its space again.

Parameters, choices and configurations are the file's. What it cannot say is asked for: the
hardware, and of a metric that is no time its unit and which way is better.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from haqa_bench.errors import HaqaError
from haqa_bench.space import LISTED, Configuration, Scalar, SearchSpace
from haqa_bench.store.kernel_tuner import units
from haqa_bench.store.kernel_tuner.cache import TIME, TIME_UNIT
from haqa_bench.store.kernel_tuner.entries import Entry, ForeignFile, failure_in

METHODS = ("default", "random", "local", "tpe", "gp")
SEEDS = 10
PROPOSALS = 30


class Metric(NamedTuple):
    """What is tuned for."""

    name: str
    unit: str
    direction: Literal["minimize", "maximize"]


class Written(NamedTuple):
    """The text of a suite; and of a file beside it that lists the configurations that there are,
    empty where all are.
    """

    suite: str
    configurations: str


def metric_of(
    path: Path,
    file: ForeignFile,
    name: str | None,
    unit: str | None,
    direction: Literal["minimize", "maximize"] | None,
) -> Metric:
    """What a file was tuned for, or what is named; a time in ms is made small.

    Raises:
        HaqaError: the file does not say, and neither does anybody.
    """
    found = name or file.objective or TIME
    said = {q.unit for e in file.entries for n, q in e.values.items() if n == found and q.unit}
    known = unit or (said.pop() if len(said) == 1 else TIME_UNIT if found == TIME else None)
    if known is None:
        raise HaqaError(path, f"does not say the unit of {found}", "Say it with --unit")
    if direction is None and found != TIME:
        raise HaqaError(path, f"does not say which {found} is better", "Say it with --direction")
    return Metric(found, known, direction or "minimize")


def as_suite(path: Path, file: ForeignFile, target: Path, hardware: str, metric: Metric) -> Written:
    """The suite that is to lie at `target`. The default is the first configuration with a value.

    Raises:
        HaqaError: the file names no parameters, or one that is missing somewhere.
    """
    names = list(file.parameters)
    for entry in file.entries:
        if not names or entry.configuration.keys() < set(names):
            raise HaqaError(path, f"{entry.where}: does not name {', '.join(names) or 'anything'}")
    configurations = [{n: e.configuration[n] for n in names} for e in file.entries]
    works = [c for c, e in zip(configurations, file.entries, strict=True) if _works(e, metric)]
    if not works:
        raise HaqaError(path, f"no configuration has a {metric.name}", "Name another --metric")
    choices = {name: _choices(file, configurations, name) for name in names}
    _check(path, choices, works[0])
    grid = 1
    for values in choices.values():
        grid *= len(values)
    listed = target.with_suffix(f".{LISTED}.json").name if grid > len(configurations) else ""
    return Written(
        _suite(path, file, target.stem, hardware, metric, _space(choices, works[0], listed)),
        json.dumps(configurations, indent=0) + "\n" if listed else "",
    )


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


def _space(choices: Mapping[str, Sequence[Scalar]], default: Configuration, listed: str) -> str:
    lines = [
        f"      {_said(name)}: {{choices: {_said(values)}, default: {_said(default[name])}}}"
        for name, values in choices.items()
    ]
    return "\n".join([*lines, *([f"      {LISTED}: {_said(listed)}"] if listed else [])])


def _suite(
    path: Path, file: ForeignFile, name: str, hardware: str, metric: Metric, space: str
) -> str:
    methods = ", ".join(f"{{name: {method}, optimizer: {method}}}" for method in METHODS)
    column = f"{{unit: {_said(metric.unit)}, direction: {metric.direction}}}"
    return f"""\
# Made by haqa-bench table suite of {path.name}, sha256 {file.sha256}.
# Say what was measured in `about`: it is all that an agent is told of it.
name: {_said(name)}
models: {{{_said(name)}: {{architecture: {_said(file.form)}, parameters: 0}}}}
methods: [{methods}]
seeds: {list(range(SEEDS))}
cells:
  - track: table
    models: [{_said(name)}]
    bit_widths: [unstated]
    hardware: [{_said(hardware)}]
    workload:
      about: {_said(f"measurements of {path.name}, {file.form}")}
      metrics: {{{_said(metric.name)}: {column}}}
    space:
{space}
    objective: {{metric: {_said(metric.name)}}}
    budget: {{proposals: {PROPOSALS}}}
"""


def _said(value: object) -> str:
    """JSON, which is YAML too."""
    return json.dumps(value)
