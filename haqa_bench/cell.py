"""A cell: one model x bit-width x hardware of a track, with all that is needed to run it.

A suite file lists *blocks*, matrices of models x bit-widths x hardware less what they exclude; each
point of a block is a cell. What one trial of a cell runs is its *workload*, whose form its track
defines (haqa_bench.tracks): `Cell[QatWorkload]` is a cell of the track that trains ResNets.
"""

import itertools
import re
from collections.abc import Sequence
from typing import Annotated, Generic, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator
from typing_extensions import TypeVar

from haqa_bench.arithmetic.architectures import fault_of_model, parameters
from haqa_bench.budget import Budget, Spent
from haqa_bench.documents import Document
from haqa_bench.hardware import Hardware
from haqa_bench.parameters import Choices, IntRange
from haqa_bench.space import SearchSpace
from haqa_bench.trial import Objective, Trial

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
Name = Annotated[str, Field(pattern=NAME.pattern)]
"""What may become part of a path."""
ANY = "any"
"""The bit-width of a cell in whose search space it is decided."""


class Workload(Document):
    """What one trial of a track runs; each track has its own."""

    def agrees(self, recorded: object) -> bool:
        """Whether what was measured of a recorded workload, as JSON, is what this one would
        measure.
        """
        return recorded == self.model_dump(mode="json")

    @property
    def confirming(self) -> Self:
        """What is run when winners meet the default again: the same, where a track says nothing
        else.
        """
        return self


W = TypeVar("W", bound=Workload, covariant=True, default=Workload)


class Model(Document):
    """A network. `gguf` is `package:NAME`, `hub:OWNER/REPO/FILE` or a path; cells that deploy it
    need it, kernels need its `dimensions`.

    Cells that fine-tune it need `transformers`, a name on the hub or a folder of that library's, or
    else `gguf`, which it reads too; cells of the qat track need `network`.

    One that is `synthetic` is deployed without any file: with random weights, made from its
    `architecture` and `dimensions` (docs/synthetic.md). It has its model's speed and memory, and
    says nothing of quality.
    """

    gguf: str | None = None
    transformers: str | None = None
    network: Literal["resnet20", "resnet32", "resnet50"] | None = None
    architecture: str
    parameters: int
    about: str = ""
    dimensions: dict[str, int] = Field(default_factory=dict)
    """Sizes by name, such as hidden: 4096, which the shapes of kernels may use."""
    synthetic: bool = Field(default=False, exclude_if=lambda given: not given)

    @model_validator(mode="after")
    def _can_be_synthetic(self) -> Self:
        if self.synthetic:
            for name in ("gguf", "transformers", "network"):
                if getattr(self, name) is not None:
                    raise ValueError(f"synthetic: its weights are random: leave {name} out")
            if fault := fault_of_model(self.architecture, self.dimensions):
                raise ValueError(f"synthetic: {fault}")
            if self.parameters != (count := parameters(self.architecture, self.dimensions)):
                what = f"{self.parameters}, but its dimensions make {count}"
                raise ValueError(f"synthetic: parameters is {what}")
        return self


class MeasurementProtocol(Document):
    """How a configuration is measured live (docs/measurement.md).

    Processes are started until the 95 % interval of the objective is at most `precision` of its
    estimate to either side, or `processes` have been. A study's winner meets the default in `pairs`
    pairs of processes, apart from the tuning, and the default itself in `floor`, three times as
    many where that is left out; in tracks that train, the winner and the default are
    trained with `tests` new seeds each, and tested. A configuration whose first process reaches no
    more than `hopeless` of the best so far, a share, is measured in no other; quality, where it is
    held against a reference, is then not asked for.
    """

    precision: float = Field(0.03, gt=0)
    processes: int = Field(4, ge=1)
    pairs: int = Field(8, ge=6)
    floor: int | None = Field(None, ge=6, exclude_if=lambda pairs: pairs is None)
    tests: int = Field(2, ge=1)
    hopeless: float | None = Field(None, gt=0, lt=1, exclude_if=lambda share: share is None)


class Point(Document):
    """One point of a block's matrix, or several where a part is left out."""

    model: str | None = None
    bit_width: str | None = None
    hardware: str | None = None

    def covers(self, point: tuple[str, str, str]) -> bool:
        """Whether it stands for (model, bit-width, hardware)."""
        wanted = (self.model, self.bit_width, self.hardware)
        return all(w is None or w == p for w, p in zip(wanted, point, strict=True))


def whole_numbers(space: SearchSpace, name: str) -> Sequence[int]:
    """The values of the parameter that is a budget's resource, in their order.

    Raises:
        ValueError: there is no such parameter, or it has values that are no whole numbers above 0.
    """
    where = f"budget: resource: '{name}' is no parameter of the space"
    if name not in space.root:
        raise ValueError(f"{where}: it has {', '.join(space.root)}")
    parameter = space.root[name]
    if isinstance(parameter, IntRange):
        bounds = parameter.bounds
        values: Sequence[int] = range(int(bounds.low), int(bounds.high) + 1, bounds.step)
    elif isinstance(parameter, Choices) and all(
        type(choice) is int for choice in parameter.choices
    ):
        values = sorted(int(choice) for choice in parameter.choices)
    else:
        values = ()
    if not values or values[0] < 1:
        raise ValueError(f"{where} whose values are whole numbers from 1 on: {parameter.said}")
    return values


class Block(Document, Generic[W]):
    """A matrix of cells that share everything else."""

    track: str
    models: tuple[Name, ...] = Field(min_length=1)
    bit_widths: tuple[Name, ...] = Field(min_length=1)
    hardware: tuple[Name, ...] = Field(min_length=1)
    exclude: tuple[Point, ...] = ()
    space: SearchSpace
    workload: W
    measurement: MeasurementProtocol = Field(
        default_factory=lambda: MeasurementProtocol.model_validate({})
    )
    objective: Objective
    budget: Budget

    @model_validator(mode="after")
    def _resource_is_a_parameter(self) -> Self:
        if resource := self.budget.resource:
            whole_numbers(self.space, resource.parameter)
            if (due := resource.due(self.space.default)) > resource.at_most:
                what = f"the default alone takes {due}"
                raise ValueError(f"budget: resource: at_most is {resource.at_most}, and {what}")
        return self

    def points(self) -> list[tuple[str, str, str]]:
        """(model, bit-width, hardware) of each cell."""
        every = itertools.product(self.models, self.bit_widths, self.hardware)
        return [p for p in every if not any(x.covers(p) for x in self.exclude)]


class Cell(Document, Generic[W]):
    """One model x bit-width x hardware of a track, resolved: a lock holds nothing else of it."""

    id: str
    track: str
    model_name: str
    model: Model
    bit_width: str
    hardware: Hardware
    space: SearchSpace
    workload: SerializeAsAny[W]
    measurement: MeasurementProtocol
    objective: Objective
    budget: Budget
    simulated: bool = False
    """Whether its numbers are a declared model's: nothing of it is measured."""
    texts: dict[str, str] = Field(default_factory=dict)
    """What the files say that its workload names, such as `quality_text`."""

    @property
    def confirming(self) -> Self:
        """The cell as its winners are measured again, apart from the tuning."""
        work = self.workload.confirming
        return self if work is self.workload else self.model_copy(update={"workload": work})

    def left(self, trials: Sequence[Trial], spent: Spent) -> int:
        """How many proposals a study may still make after `trials`, which have `spent` so much; the
        budget's reserve counts while the default is the best of them.
        """
        if (left := self.budget.left(spent)) or self.budget.reserve is None or not trials:
            return left
        best = self.objective.best(trials)
        found = best is not None and best.key != trials[0].key
        return 0 if found else self.budget.left(spent, reserve=True)
