"""A suite: the cells, methods and seeds of one benchmark; and its lock, which is what really runs.

A suite file lists *blocks*. A block is a matrix, models x bit-widths x hardware less what it
excludes, and each point of it is a *cell*: one search space, one evaluator, one budget. A *study*
is one method on one cell with one seed.
"""

import itertools
import math
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from haqa_bench import hardware
from haqa_bench.arithmetic.memory import NEEDED
from haqa_bench.budget import Budget
from haqa_bench.documents import Document, read_yaml, sha256
from haqa_bench.space import Scalar, SearchSpace
from haqa_bench.trial import Objective
from haqa_bench.workloads import (
    DeployWorkload,
    JointWorkload,
    KernelWorkload,
    MemoryWorkload,
    QatWorkload,
    QloraWorkload,
    RooflineWorkload,
    Size,
    Workload,
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""What may become part of a path."""


Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Model(Document):
    """A network. `gguf` is `package:NAME`, `hub:OWNER/REPO/FILE` or a path; cells that deploy it
    need it, kernels need its `dimensions`.

    Cells that fine-tune it need `transformers`, a name on the hub or a folder of that library's, or
    else `gguf`, which it reads too; cells of the qat track need `network`.
    """

    gguf: str | None = None
    transformers: str | None = None
    network: Literal["resnet20", "resnet32", "resnet50"] | None = None
    architecture: str
    parameters: int
    about: str = ""
    dimensions: dict[str, int] = Field(default_factory=dict)
    """Sizes by name, such as hidden: 4096, which the shapes of kernels may use."""


class MeasurementProtocol(Document):
    """How a configuration is measured live (docs/measurement.md).

    Processes are started until the 95 % interval of the objective is at most `precision` of its
    estimate to either side, or `processes` have been. A study's winner meets the default in `pairs`
    pairs of processes, apart from the tuning; in tracks that train, the winner and the default are
    trained with `tests` new seeds each, and tested.
    """

    precision: float = Field(0.03, gt=0)
    processes: int = Field(4, ge=1)
    pairs: int = Field(8, ge=6)
    tests: int = Field(2, ge=1)


class Point(Document):
    """One point of a block's matrix, or several where a part is left out."""

    model: str | None = None
    bit_width: str | None = None
    hardware: str | None = None


class Block(Document):
    """A matrix of cells that share everything else."""

    models: tuple[Name, ...] = Field(min_length=1)
    bit_widths: tuple[Name, ...] = Field(min_length=1)
    hardware: tuple[Name, ...] = Field(min_length=1)
    exclude: tuple[Point, ...] = ()
    space: SearchSpace
    measurement: MeasurementProtocol = Field(
        default_factory=lambda: MeasurementProtocol.model_validate({})
    )
    objective: Objective
    budget: Budget

    def points(self) -> list[tuple[str, str, str]]:
        """(model, bit-width, hardware) of each cell."""
        every = itertools.product(self.models, self.bit_widths, self.hardware)
        return [p for p in every if not any(_covers(x, p) for x in self.exclude)]


class DeployBlock(Block):
    """Cells of the deploy track."""

    track: Literal["deploy"]
    workload: DeployWorkload | RooflineWorkload


class KernelBlock(Block):
    """Cells of the kernel track: one kernel at the shapes of several models."""

    track: Literal["kernel"]
    workload: KernelWorkload


class QatBlock(Block):
    """Cells of the qat track; bit-widths are named as w2a2, or FP32."""

    track: Literal["qat"]
    workload: QatWorkload


class QloraBlock(Block):
    """Cells of the qlora track, at INT4 (NF4) or INT8 (LLM.int8)."""

    track: Literal["qlora"]
    workload: QloraWorkload

    @model_validator(mode="after")
    def _tuned_apart_from_tests(self) -> Self:
        asks = any(goal.metric == "average_accuracy" for goal in self.objective.goals)
        if asks and (self.workload.items is None or self.workload.tuning_items is None):
            raise ValueError(
                "average_accuracy is tuned on items that do not test: workload needs items and tuning_items"
            )
        return self


class JointBlock(Block):
    """Cells of the joint track: fine-tuning and deployment in one space."""

    track: Literal["joint"]
    workload: JointWorkload


class MemoryBlock(Block):
    """Cells of the memory track: a decision under each limit, the bit-widths of the workload's
    formats or none of them.
    """

    track: Literal["memory"]
    workload: MemoryWorkload

    @model_validator(mode="after")
    def _decides_each_limit(self) -> Self:
        wanted, found = (
            [self.workload.within(limit) for limit in self.workload.limits_gb],
            list(self.space.root),
        )
        if sorted(wanted) != sorted(found):
            raise ValueError(f"the space must hold one decision a limit: {', '.join(wanted)}")
        known = {*self.workload.bit_widths, NOTHING}
        if wrong := [
            f"{name}: {c!r}"
            for name, p in self.space.root.items()
            for c in p.choices
            if c not in known
        ]:
            raise ValueError(f"{wrong[0]} is none of {', '.join(sorted(known))}")
        return self


NOTHING = "none"
"""The decision that no format fits."""
Track = Literal["deploy", "kernel", "qat", "qlora", "joint", "memory"]
TRAINED = ("qat", "qlora")
"""The tracks whose trials train: what they measure does not depend on how fast the machine is."""
AnyBlock = DeployBlock | KernelBlock | QatBlock | QloraBlock | JointBlock | MemoryBlock


class Chat(Document):
    """How an agent method asks its LLM. Every field goes into the request, so a changed one misses
    the cassette.
    """

    model: str
    temperature: float = 0.0
    max_tokens: int = 1024
    response_format: Literal["text", "json_schema", "json_object"] = "text"
    """How the endpoint is to constrain the reply: not; by a JSON schema as OpenAI takes it; or as
    llama-cpp-python's server takes it.
    """


class Price(Document):
    """What an LLM's tokens cost, and where that is from; 0 for one that runs on your own machine."""

    usd_per_million_prompt_tokens: float = Field(ge=0)
    usd_per_million_completion_tokens: float = Field(ge=0)
    source: str = Field(min_length=1)


class Method(Document):
    """What proposes. `name` labels its studies, `optimizer` is what the registry knows it by."""

    name: Name
    optimizer: str
    chat: Chat | None = None
    options: dict[str, Scalar] = Field(default_factory=dict)
    """Settings of the optimizer in place of its own; those that took effect are stored with each
    study.
    """
    seeds: tuple[Seed, ...] | None = Field(None, min_length=1)
    """Its own, where the suite's do not fit: those that were recorded, or one for a method that
    draws no random numbers.
    """
    tracks: tuple[Track, ...] | None = Field(None, min_length=1)
    """Those whose cells it runs on; all when left out."""
    cells: tuple[str, ...] | None = Field(None, min_length=1)
    """Those that it runs on, by patterns of their ids in which * and ? match; all when left out."""

    def runs_on(self, cell: "Cell") -> bool:
        """Whether the suite gives it the cell."""
        named = self.cells is None or any(fnmatch(cell.id, pattern) for pattern in self.cells)
        return named and (self.tracks is None or cell.track in self.tracks)


class SuiteFile(Document):
    """A suite as people write it."""

    name: Name
    title: str = ""
    definitions: Any = None
    """A place for YAML anchors; not read."""
    models: dict[str, Model]
    methods: tuple[Method, ...] = Field(min_length=1)
    prices: dict[str, Price] = Field(default_factory=dict)
    """By the LLM's name in `chat: {model: ...}`; one that is not here costs an unknown amount."""
    seeds: tuple[Seed, ...] = Field(min_length=1)
    cells: tuple[Annotated[AnyBlock, Field(discriminator="track")], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in (name for block in self.cells for name in block.models):
            if name not in self.models:
                raise ValueError(
                    f"cells name the model '{name}', models has only {', '.join(self.models)}"
                )
        for block in self.cells:
            for name in block.models:
                _check_model(block, name, self.models[name])
        cells = [_id(block, point) for block in self.cells for point in block.points()]
        for what, names in (
            ("cell", cells),
            ("method", [m.name for m in self.methods]),
            ("seed", [str(s) for s in self.seeds]),
        ):
            if twice := sorted({n for n in names if names.count(n) > 1}):
                raise ValueError(f"{what} given twice: {twice[0]}")
        if not cells:
            raise ValueError("no cell is left after the exclusions")
        return self


class Cell(Document):
    """One model x bit-width x hardware of a track, with all that is needed to run it."""

    id: str
    track: Track
    model_name: str
    model: Model
    bit_width: str
    hardware: hardware.Hardware
    space: SearchSpace
    workload: Workload
    measurement: MeasurementProtocol
    objective: Objective
    budget: Budget

    @property
    def simulated(self) -> bool:
        """Whether its numbers are a declared model's: nothing of it is measured."""
        return isinstance(self.workload, MemoryWorkload | RooflineWorkload)


class Study(NamedTuple):
    """One method on one cell with one seed."""

    suite: str
    cell: Cell
    method: Method
    seed: int
    price: Price | None = None
    """Of its LLM's tokens, where it has one and the suite knows it."""

    @property
    def id(self) -> str:
        """Its path: suite/cell/method/seed0."""
        return f"{self.suite}/{self.cell.id}/{self.method.name}/seed{self.seed}"

    @property
    def file(self) -> Path:
        """Where its journal and cassette lie, below their folders."""
        return Path(self.suite) / self.cell.id / f"{self.method.name}-s{self.seed}.jsonl"


class Suite(Document):
    """A resolved suite: matrices expanded, profiles and templates pinned."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    methods: tuple[Method, ...]
    prices: dict[str, Price]
    seeds: tuple[int, ...]
    templates: dict[str, str]
    """SHA-256 of each prompt template."""

    @cached_property
    def lock(self) -> str:
        """SHA-256 of the suite's canonical JSON."""
        return sha256(self.model_dump(mode="json"))

    def __copy__(self) -> Self:
        """Without the lock, which is not that of a copy with other seeds."""
        copied = super().__copy__()
        copied.__dict__.pop("lock", None)
        return copied

    def studies(self) -> list[Study]:
        """Every method on every cell of its own with every seed of its own, or else of the suite's."""
        return [
            Study(self.name, c, m, s, self.prices.get(m.chat.model) if m.chat else None)
            for c in self.cells
            for m in self.methods
            if m.runs_on(c)
            for s in m.seeds or self.seeds
        ]


def load(path: Path, project: Path) -> Suite:
    """The suite file at `path`, resolved against the profiles and templates of the `project`
    folder.

    Raises:
        HaqaError: the file, a profile or a template is missing or wrong.
    """
    file = read_yaml(path, SuiteFile)
    templates = {t.name: sha256(t.read_bytes()) for t in sorted((project / "prompts").glob("*.j2"))}
    points = [(block, point) for block in file.cells for point in block.points()]
    devices = {
        name: hardware.load(project / "hardware", name)
        for name in dict.fromkeys(device for _, (_, _, device) in points)
    }
    return Suite(
        name=file.name,
        title=file.title,
        cells=tuple(_cell(file, block, point, devices) for block, point in points),
        methods=file.methods,
        prices=file.prices,
        seeds=file.seeds,
        templates=templates,
    )


def _id(block: AnyBlock, point: tuple[str, str, str]) -> str:
    what = (
        [block.workload.kernel]
        if isinstance(block, KernelBlock)
        else []
        if isinstance(block, DeployBlock)
        else [block.track]
    )
    return "-".join([*point, *what]).lower()


def _check_model(block: AnyBlock, name: str, model: Model) -> None:
    """Raises ValueError for a model that lacks what the block's track needs of it."""
    if isinstance(block.workload, DeployWorkload | JointWorkload) and model.gguf is None:
        raise ValueError(f"the model '{name}' is to be deployed, but has no gguf")
    if isinstance(block, QloraBlock) and model.transformers is None and model.gguf is None:
        raise ValueError(
            f"the model '{name}' is to be fine-tuned, but has neither transformers nor gguf"
        )
    if isinstance(block, QatBlock) and model.network is None:
        raise ValueError(f"the model '{name}' is to be trained, but has no network")
    if isinstance(block.workload, MemoryWorkload | RooflineWorkload) and (
        missing := [name for name in NEEDED if name not in model.dimensions]
    ):
        raise ValueError(
            f"the model '{name}' has no dimension '{missing[0]}'; needed: {', '.join(NEEDED)}"
        )
    shape = block.workload.shape if isinstance(block, KernelBlock) else {}
    for size in (size for sizes in shape.values() for size in _factors(sizes)):
        if isinstance(size, str) and size not in model.dimensions:
            raise ValueError(
                f"the model '{name}' has no dimension '{size}', only {', '.join(model.dimensions) or 'none'}"
            )


def _workload(block: AnyBlock, model: Model) -> Workload:
    """A kernel's shape in numbers; anything else as it is."""
    if not isinstance(block, KernelBlock):
        return block.workload
    shape = {
        k: math.prod(
            model.dimensions[size] if isinstance(size, str) else size for size in _factors(sizes)
        )
        for k, sizes in block.workload.shape.items()
    }
    return block.workload.model_copy(update={"shape": shape})


def _factors(sizes: Size | tuple[Size, ...]) -> tuple[Size, ...]:
    return sizes if isinstance(sizes, tuple) else (sizes,)


def _cell(
    file: SuiteFile,
    block: AnyBlock,
    point: tuple[str, str, str],
    devices: Mapping[str, hardware.Hardware],
) -> Cell:
    model, bit_width, device = point
    return Cell(
        id=_id(block, point),
        track=block.track,
        model_name=model,
        model=file.models[model],
        bit_width=bit_width,
        hardware=devices[device],
        space=block.space,
        workload=_workload(block, file.models[model]),
        measurement=block.measurement,
        objective=block.objective,
        budget=block.budget,
    )


def _covers(excluded: Point, point: tuple[str, str, str]) -> bool:
    wanted = (excluded.model, excluded.bit_width, excluded.hardware)
    return all(w is None or w == p for w, p in zip(wanted, point, strict=True))
