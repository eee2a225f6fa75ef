"""A suite: the cells, methods and seeds of one benchmark; and its lock, which is what really runs.

A suite file lists blocks of cells (haqa_bench.cell); what their workloads, metrics and settings
are, the tracks say. Resolving it expands the matrices and pins profiles, texts and templates.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, Union

from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    PlainValidator,
    SerializeAsAny,
    Tag,
    create_model,
    field_validator,
    model_validator,
)

from haqa_bench import hardware, plugins, shipped, tracks
from haqa_bench.cell import Block, Cell, Model, Name
from haqa_bench.documents import Document, read_bytes, read_yaml, sha256
from haqa_bench.errors import HaqaError, PluginFailed, nearest
from haqa_bench.space import SearchSpace
from haqa_bench.store.recorded import held, place
from haqa_bench.study import (
    MAX_TEMPLATE,
    PAPER,
    REWRITE,
    Method,
    Price,
    Seed,
    Study,
    with_templates,
)
from haqa_bench.trial import Goal, Objective

Layout = Literal["ours", "paper"]
MAX_CELLS = 10_000
"""That a suite's matrices may expand into; a small file can name millions."""


TUNED_ON_TESTS = "tuned on what it reports"
SEEN = (
    "methods were fed back the results of the very tests that are printed, so these do not test "
    "what was found; where a winner is tested again, only the seed is new"
)


class Remark(Document):
    """What readers of the tables of some cells have to know, such as that a limit was set after a
    table was looked at. `cells` is a pattern of their ids.
    """

    cells: str = "*"
    text: str


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
    labels: dict[str, str] = Field(default_factory=dict)
    """What tables and figures call methods, models and hardware, by their names."""
    remarks: tuple[Remark, ...] = ()
    """Printed below the tables of the cells that they are of."""
    layout: Layout = Field("ours", exclude_if=lambda whose: whose == "ours")
    """Whose tables `run` and `report` print: ours, or the paper's own with ours beside."""
    cells: tuple[Block, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _models_fit(self) -> Self:
        for block in self.cells:
            for name in block.models:
                if name not in self.models:
                    known = ", ".join(self.models)
                    raise ValueError(f"cells name the model '{name}', models has only {known}")
                tracks.named(block.track).check(block, name, self.models[name])
        return self

    @model_validator(mode="after")
    def _tracks_exist(self) -> Self:
        for method in self.methods:
            for name in set(method.tracks or ()) - tracks.known().keys():
                near = nearest(name, sorted(tracks.known()))
                raise ValueError(f"method '{method.name}': no track '{name}'. {near}")
        return self

    @model_validator(mode="after")
    def _files_lie_below(self) -> Self:
        for method in self.methods:
            if plugins.is_file(method.optimizer) and method.optimizer.startswith(("/", "~")):
                what = "name its file from the suite's folder, which is another elsewhere"
                raise ValueError(f"method '{method.name}': {method.optimizer}: {what}")
        return self

    @model_validator(mode="after")
    def _no_templates(self) -> Self:
        for method in self.methods:
            if method.templates:
                raise ValueError(
                    f"method '{method.name}': templates lie in a folder: prompts: NAME"
                )
            if method.prompts and method.chat is None:
                raise ValueError(
                    f"method '{method.name}': prompts are for agents, which have a chat:"
                )
        return self

    @model_validator(mode="after")
    def _forks_lead_back(self) -> Self:
        methods = {method.name: method for method in self.methods}
        for method in self.methods:
            line, there = [method.name], method
            while there.fork:
                line.append(there.fork.method)
                if there.fork.method not in methods or line.count(line[-1]) > 1:
                    what = "its own fork" if line[-1] in methods else "none of the methods"
                    raise ValueError(f"method '{method.name}': fork: '{line[-1]}' is {what}")
                there = methods[there.fork.method]
            if method.fork and not (method.chat and there.chat):
                raise ValueError(f"method '{method.name}': fork: only agents, with a chat:, fork")
        return self

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        blocks = [len(b.models) * len(b.bit_widths) * len(b.hardware) for b in self.cells]
        if sum(blocks) > MAX_CELLS:
            raise ValueError(f"{sum(blocks):,} cells; a suite has at most {MAX_CELLS:,}")
        return self

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        named = {
            "cell": [_id(block, point) for block in self.cells for point in block.points()],
            "method": [m.name for m in self.methods],
            "seed": [str(s) for s in self.seeds],
        }
        for what, names in named.items():
            if twice := sorted(name for name, count in Counter(names).items() if count > 1):
                raise ValueError(f"{what} given twice: {twice[0]}")
        if not named["cell"]:
            raise ValueError("no cell is left after the exclusions")
        return self


@cache
def file_type() -> type[SuiteFile]:
    """The form of suite files, with a block for each track that there is."""
    found = {name: _block_type(name) for name in tracks.known()}
    blocks = tuple(Annotated[kind, Tag(name)] for name, kind in found.items() if kind)
    strange = Annotated[StrangeBlock, Tag("")]
    tag = Discriminator(lambda block: _tag(block, {n for n, kind in found.items() if kind}))
    cells = Annotated[Union[(*blocks, strange)], tag]  # type: ignore[valid-type]
    every = (tuple[cells, ...], Field(min_length=1))
    return create_model("SuiteFile", __base__=SuiteFile, cells=every)


class StrangeBlock(BaseModel):
    """A block of a track that is not there, or that cannot be loaded."""

    track: str

    @field_validator("track")
    @classmethod
    def _told(cls, track: str) -> str:
        try:
            _loaded_block_type(track)
        except HaqaError as error:
            raise ValueError(str(error)) from None
        return track


def _tag(block: object, known: Collection[str]) -> str:
    """The track that a block names, or nothing where it is strange."""
    name = block.get("track") if isinstance(block, dict) else getattr(block, "track", "")
    return name if isinstance(name, str) and name in known else ""


def _block_type(name: str) -> type[Block] | None:
    """The form of a track's blocks; None for a plug-in's that cannot be loaded, which is told where
    a suite names it.
    """
    try:
        return _loaded_block_type(name)
    except PluginFailed:
        return None


def _loaded_block_type(name: str) -> type[Block]:
    track = tracks.named(name)
    fields: dict[str, Any] = {"track": (Literal[name], ...)}
    checks: dict[str, Any] = {"_known": model_validator(mode="after")(_checked)}
    with plugins.faults(f"track '{name}'", "its workload is no Document", tracks.known()[name]):
        base = tracks.with_workload(Block, track)
        return create_model(f"{name.title()}Block", __base__=base, __validators__=checks, **fields)


def _checked(block: Block) -> Block:
    """The block, whose metrics and settings its track knows; else ValueError, with the nearest.

    Raises:
        PluginFailed: the track is a plug-in's, and cannot say.
    """
    track = tracks.named(block.track)
    with tracks.faults(block.track, "track failed", "asked what it knows"):
        metrics, settings = track.metrics_of(block.workload), track.settings(block.workload)
    limited = [c.metric for c in block.objective.constraints]
    for name in (*(goal.metric for goal in block.objective.goals), *limited):
        if name not in metrics:
            near = nearest(name, sorted(metrics))
            raise ValueError(f"objective: the track {track.name} has no metric '{name}'. {near}")
    for goal in block.objective.goals:
        if goal.unit and goal.unit != metrics[goal.metric].unit:
            right = metrics[goal.metric].unit
            raise ValueError(f"objective: the unit of {goal.metric} is {right}, not {goal.unit}")
    if block.space.code and track.source(block.workload) is None:
        what = f"the track {track.name} has no source that could be rewritten: give no `code`"
        raise ValueError(f"space: {block.space.code}: {what}")
    for name in block.space.held.root:
        if settings is not None and name not in settings:
            near = nearest(name, sorted(settings))
            raise ValueError(f"space: the track {track.name} has no setting '{name}'. {near}")
    return block


class Suite(Document):
    """A resolved suite: matrices expanded, profiles, texts and templates pinned."""

    format: Literal[2] = 2
    name: str
    title: str
    cells: tuple[Annotated[SerializeAsAny[Cell], PlainValidator(tracks.typed_cell)], ...]
    methods: tuple[Method, ...]
    prices: dict[str, Price]
    seeds: tuple[int, ...]
    templates: dict[str, str]
    """SHA-256 of each prompt template."""
    labels: dict[str, str] = Field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    layout: Layout = Field("ours", exclude_if=lambda whose: whose == "ours")

    @cached_property
    def lock(self) -> str:
        """SHA-256 of the suite's canonical JSON, without what changes nothing that runs."""
        return sha256(self.model_dump(mode="json", exclude={"labels", "remarks", "layout"}))

    def said_of(self, cells: Collection[str]) -> list[str]:
        """The remarks on any of some cells, and which of these are tuned on what they report."""
        told = [r.text for r in self.remarks if any(fnmatch(cell, r.cells) for cell in cells)]
        known = [cell for cell in self.cells if cell.id in cells]
        reported = [cell.id for cell in known if tracks.tuned_on_tests(cell)]
        if reported:
            where = "" if len(reported) == len(known) else f" ({', '.join(reported)})"
            told.append(f"{TUNED_ON_TESTS.capitalize()}{where}: {SEEN}.")
        return told

    def __copy__(self) -> Self:
        """Without the lock, which is not that of a copy with other seeds."""
        copied = super().__copy__()
        copied.__dict__.pop("lock", None)
        return copied

    def studies(self) -> list[Study]:
        """Every method on every cell of its own with every seed of its own, or else of the
        suite's.
        """
        return [
            self.study(c, m, s)
            for c in self.cells
            for m in self.methods
            if m.runs_on(c)
            for s in m.seeds or self.seeds
        ]

    def study(self, cell: Cell, method: Method, seed: int) -> Study:
        """One method on one cell with one seed, and what its LLMs cost."""
        known = {name: self.prices.get(chat.model) for name, chat in method.sections.items()}
        prices = {name: price for name, price in known.items() if price}
        fork = method.fork
        origins = [m for m in self.methods if fork and m.name == fork.method]
        origin = self.study(cell, origins[0], seed) if origins else None
        if method.chats:
            return Study(self.name, cell, method, seed, None, prices, origin)
        return Study(self.name, cell, method, seed, prices.get(""), origin=origin)


class Folders(NamedTuple):
    """Where a suite's file lies, and the project whose profiles and tables it is resolved with."""

    suite: Path
    project: Path
    recorded: bool
    """Whether the tables are read that say which configurations exist."""


def load(path: Path, project: Path, recorded: bool = True) -> Suite:
    """The suite file at `path`, resolved against the profiles and templates of the `project`
    folder, and those that the package brings; and its spaces against their tables, where they say
    `recorded`, unless it is False.

    Raises:
        HaqaError: the file, a profile, a text or a template is missing or wrong.
    """
    file = read_yaml(path, file_type())
    points = [(block, point) for block in file.cells for point in block.points()]
    names = dict.fromkeys(device for _, (_, _, device) in points)
    devices = {name: hardware.load(project / "hardware", name) for name in names}
    texts = path.resolve().parent
    folders = Folders(texts, project, recorded)
    cells = tuple(_resolved(file, block, point, devices, folders) for block, point in points)
    asking = [method for method in file.methods if method.chat]
    folders_used = [PAPER] if any(method.style == PAPER for method in asking) else []
    if any(method.rewrites for method in asking):
        folders_used += [f"{folder}{REWRITE}" for folder in ("", *(f"{f}/" for f in folders_used))]
    templates = dict(sorted(_templates(cells, project, folders_used)))
    return Suite(
        name=file.name,
        title=file.title,
        cells=cells,
        methods=tuple(
            with_templates(m.below(texts), texts, project, templates) for m in file.methods
        ),
        prices=file.prices,
        seeds=file.seeds,
        templates=templates,
        labels=file.labels,
        remarks=file.remarks,
        layout=file.layout,
    )


def _templates(
    cells: tuple[Cell, ...], project: Path, within: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of the project's templates, and of those that tracks bring themselves; of
    those of a folder in prompts/ only where a method asks with them.
    """
    files = shipped.files(project, "prompts/*.j2")
    for folder in within:
        files |= shipped.files(project, f"prompts/{folder}/*.j2")
    own = {
        name.removeprefix("prompts/"): read_bytes(path, MAX_TEMPLATE)
        for name, path in files.items()
    }
    brought = {f"{cell.track}.j2": tracks.of(cell).prompt().encode() for cell in cells}
    unused = _of_other_frames(cells)
    for name, text in (brought | own).items():
        if Path(name).stem not in unused:
            yield name, sha256(text)


def _of_other_frames(cells: tuple[Cell, ...]) -> set[str]:
    """The templates, without their ending, that are for cells which a suite has none of."""
    every = {name for known in tracks.BUILT_IN for name in tracks.named(known).templates}
    framed = [tracks.of(cell) for cell in cells if tracks.of(cell).frame(cell.workload)]
    return every - {name for track in framed for name in track.templates}


def _id(block: Block, point: tuple[str, str, str]) -> str:
    suffix = tracks.named(block.track).suffix(block.workload)
    return "-".join([*point, *([suffix] if suffix else [])]).lower()


def _resolved(
    file: SuiteFile,
    block: Block,
    point: tuple[str, str, str],
    devices: Mapping[str, hardware.Hardware],
    folders: Folders,
) -> Cell:
    with tracks.faults(block.track, "track failed", "asked for a cell"):
        return _cell(file, block, point, devices, folders)


def _cell(
    file: SuiteFile,
    block: Block,
    point: tuple[str, str, str],
    devices: Mapping[str, hardware.Hardware],
    folders: Folders,
) -> Cell:
    name, bit_width, device = point
    track, model = tracks.named(block.track), file.models[name]
    identity = _id(block, point)
    return Cell(
        id=identity,
        track=block.track,
        model_name=name,
        model=model,
        bit_width=bit_width,
        hardware=devices[device],
        space=_space(block, identity, folders),
        workload=track.pinned(track.resolve(block.workload, model), model, folders.project),
        measurement=block.measurement,
        objective=_objective(block),
        budget=block.budget,
        simulated=track.simulates(block.workload, devices[device]),
        texts=dict(track.texts(block.workload, folders.suite)),
    )


def _space(block: Block, cell: str, folders: Folders) -> SearchSpace:
    """The search space of a cell. One that is `recorded` stays open until there is a table."""
    space = block.space.read_list(folders.suite)
    table = shipped.found(folders.project, place(Path(), block.track, cell).as_posix())
    read = space.recorded and folders.recorded and table.is_file()
    return held(table, space) if read else space


def _objective(block: Block) -> Objective:
    """With the unit and the direction of each metric where the file leaves them out."""
    first, *others = (_goal(block, goal) for goal in block.objective.goals)
    return block.objective.model_copy(update={**dict(first), "also": tuple(others)})


def _goal(block: Block, goal: Goal) -> Goal:
    metric = tracks.named(block.track).metrics_of(block.workload)[goal.metric]
    direction = goal.direction or metric.direction or "maximize"
    return Goal(metric=goal.metric, unit=goal.unit or metric.unit, direction=direction)
