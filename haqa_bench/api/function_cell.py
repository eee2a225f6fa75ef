"""A cell of a function of Python's own: what it gives is measured as it is asked for."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Literal

from pydantic import ValidationError

from haqa_bench import suite
from haqa_bench.api.cell import Cell
from haqa_bench.budget import Budget
from haqa_bench.cell import Cell as Resolved
from haqa_bench.cell import MeasurementProtocol, Model
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.hardware import UNSTATED, Figure, Hardware
from haqa_bench.parameters import plain
from haqa_bench.project import Project
from haqa_bench.protocols import Evaluator, Outcome, Whole
from haqa_bench.space import Configuration, SearchSpace
from haqa_bench.study import Method
from haqa_bench.tracks.table.workload import Column, TableWorkload
from haqa_bench.trial import Measurement, Objective, Source, Status

Function = Callable[[dict[str, bool | int | float | str]], float]
"""What gives the value of a configuration."""
Space = SearchSpace | Mapping[str, object]
"""Parameters by name, as a suite writes them."""
Direction = Literal["maximize", "minimize"]
PROPOSALS = 30
UNSAID = "not stated"
METRIC = "value"
METHOD = Method.model_validate({"name": "default", "optimizer": "default"})
NOWHERE = Project(Path("a function of Python"), alone=True)
"""The project of such cells, which has no folder: a function records nothing."""
FORM = 'Such as {"rate": {"float": {"low": 1e-5, "high": 0.2, "log": True}, "default": 0.01}}'


@dataclass(frozen=True, eq=False, repr=False)
class FunctionCell(Cell):
    """A cell that a function answers, in this process, each time that it is asked."""

    function: Function
    source: Source

    @cached_property
    def evaluator(self) -> Evaluator:
        """What answers its studies: the function."""
        return Calls(self.function, self.objective.unit, self.source)


class Calls:
    """An evaluator that calls a function. What it raises as EvaluationFailed is a trial's status,
    and so is a value that is no finite number; anything else is its author's to see.
    """

    whole: Whole | None = None
    machine = ""

    def __init__(self, function: Function, unit: str, source: Source) -> None:
        self._function, self._unit, self._source = function, unit, source

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return self.sample(configuration, 0)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        began = perf_counter()
        value = _number(self._function(dict(configuration)))
        found = Measurement(
            name=METRIC,
            value=value,
            unit=self._unit,
            source=self._source,
            samples=(value,),
            used=1,
        )
        return Outcome((found,), {}, perf_counter() - began)


def _number(given: object) -> float:
    found = plain(given)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"the function gave a {type(given).__name__}, not a number")
    if not math.isfinite(found):
        raise EvaluationFailed(Status.NOT_FINITE, f"the function gave {found}")
    return float(found)


def function_cell(
    function: Function,
    space: Space,
    proposals: int = PROPOSALS,
    *,
    direction: Direction = "minimize",
    unit: str = "1",
    name: str | None = None,
    source: Source = Source.MEASURED,
) -> FunctionCell:
    """A cell whose configurations a function measures: `function(configuration)` gives a number.

    `space` has each parameter by name, as a suite writes it: `{"choices": [...], "default": ...}`,
    or `{"int": {"low": 32, "high": 256, "log": True}, "default": 128}`, or the same with `float`.
    `proposals` is what each study may try, the default included; `unit` is that of the value.
    `name` is what the cell is called, in place of the function's own name.
    `source` says where the numbers are from: `measured`, or `simulated` where a formula makes them
    up.

    Raises:
        HaqaError: the space, the budget or the name is none.
    """
    called = name or _called(function)
    try:
        resolved = _resolved(called, space, proposals, direction, unit)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"] if not str(step).startswith("<"))
        what = first["msg"].removeprefix("Value error, ")
        raise HaqaError(f"the cell of {called}", f"{place}: {what}", FORM) from None
    of_suite = suite.Suite(
        name="python",
        title="Functions of Python",
        cells=(resolved,),
        methods=(METHOD,),
        prices={},
        seeds=(0,),
        templates={},
        layout="ours",
    )
    return FunctionCell(resolved, of_suite, NOWHERE, function, Source(source))


def _read(found: object) -> object:
    """What Python may give as what a file would say: lists, and numbers of other libraries."""
    if isinstance(found, Mapping):
        return {name: _read(value) for name, value in found.items()}
    return tuple(map(_read, found)) if isinstance(found, list | tuple) else plain(found)


def _unstated() -> Hardware:
    """What a function runs on, of which nobody said anything."""
    return Hardware(
        name=UNSTATED,
        title="hardware not stated",
        kind="unstated",
        cores=Figure(value=None, unit="cores", source=UNSAID),
        memory=Figure(value=None, unit="GB", source=UNSAID),
        bandwidth=Figure(value=None, unit="GB/s", source=UNSAID),
        native_formats=(),
        native_formats_source=UNSAID,
    )


def _called(function: object) -> str:
    """A function's name as ids may have it: <lambda> is lambda."""
    found = str(getattr(function, "__name__", type(function).__name__))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", found).strip("-._") or "function"


def _resolved(
    called: str, space: Space, proposals: int, direction: Direction, unit: str
) -> Resolved[TableWorkload]:
    found = space if isinstance(space, SearchSpace) else SearchSpace.model_validate(_read(space))
    column = Column.model_validate({"unit": unit, "direction": direction})
    return Resolved[TableWorkload](
        id=called,
        track="table",
        model_name=called,
        model=Model(architecture="a function of Python", parameters=0),
        bit_width=UNSTATED,
        hardware=_unstated(),
        space=found,
        workload=TableWorkload(about=f"the function {called}", metrics={METRIC: column}),
        measurement=MeasurementProtocol.model_validate({}),
        objective=Objective(metric=METRIC, unit=unit, direction=direction),
        budget=Budget.model_validate({"proposals": proposals}),
    )
