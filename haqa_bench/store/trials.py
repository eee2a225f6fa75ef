"""Recorded trials: what was measured live of a cell whose space has a range, and so no table.

results/trials/TRACK/CELL.jsonl begins with a header, which says what was measured, where and with
what; then comes a line for each configuration, in the order of their keys, so that the same trials
make the same file whoever measured them first; then an end. Values are not kept: they are
estimated from the samples when the file is read, as those of response tables are.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from filelock import FileLock
from pydantic import Field, ValidationError, model_validator

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.cell import Cell
from haqa_bench.documents import Document, JsonObject, check_format, read_bytes, sha256
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration, Scalar, SearchSpace, key_of
from haqa_bench.store import manifest
from haqa_bench.store.journal import finished, read_finished
from haqa_bench.trial import Measurement, Source

FORMAT = 1
"""Of files of recorded trials."""
OTHERS = ("others_share", "1")
MEASURED = "measured"
"""The fact that says on which day (UTC) a trial was measured."""
RESTORE = "Restore it, or measure anew: haqa-bench run SUITE --measure live --fresh"
Finite = Annotated[float, Field(allow_inf_nan=False)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
Kind = TypeVar("Kind", bound=Document)


class Header(Document):
    """The first line: the cell and all that its numbers depend on beside the configuration.

    `space_sha256` is of the parameters without their words; `measurement` says how often a
    configuration is measured; `build` has the version of each library, `made_of` hashes of model
    and data. `source` is what its numbers are, as they are measured.
    """

    kind: Literal["trials"] = "trials"
    format: int = FORMAT
    cell: str
    model: JsonObject
    space_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    workload: JsonObject
    measurement: JsonObject
    machine: str
    build: dict[str, str]
    made_of: dict[str, str]
    source: Literal[Source.MEASURED, Source.SIMULATED] = Source.MEASURED


class Reading(Document):
    """All samples of one metric, in the order taken."""

    name: str
    unit: str
    samples: tuple[Finite, ...] = Field(min_length=1)


class Recorded(Document):
    """A configuration and what became of it; `seconds` is what that took, `date` a day of UTC."""

    kind: Literal["trial"] = "trial"
    configuration: dict[str, Scalar]
    status: Status
    reason: str = ""
    readings: tuple[Reading, ...] = ()
    facts: dict[str, str] = Field(default_factory=dict)
    seconds: Finite | None = Field(None, ge=0)
    date: Day
    machine: str
    haqa_bench: str

    @model_validator(mode="after")
    def _whole(self) -> "Recorded":
        if self.status.unproposed:
            raise ValueError(f"a configuration that was measured is not {self.status}")
        if (self.status is Status.OK) != bool(self.readings):
            raise ValueError("measured and without readings, or failed and with some")
        names = [reading.name for reading in self.readings]
        if len(set(names)) < len(names):
            raise ValueError("a metric is given twice")
        return self

    @property
    def key(self) -> str:
        """Equal for equal configurations."""
        return key_of(self.configuration)

    def outcome(self, source: Source) -> Outcome:
        """What was measured, as numbers of a source.

        Raises:
            EvaluationFailed: the configuration could not be measured.
        """
        if self.status is not Status.OK:
            raise EvaluationFailed(self.status, self.reason, self.seconds)
        told = {} if source is Source.SIMULATED else {MEASURED: self.date}
        return Outcome(self.measurements(source), {**self.facts, **told}, self.seconds)

    def measurements(self, source: Source) -> tuple[Measurement, ...]:
        """Its values, as numbers of a source; none where it failed."""
        others = next((r.samples for r in self.readings if (r.name, r.unit) == OTHERS), ())
        return tuple(
            Measurement(
                name=reading.name,
                unit=reading.unit,
                source=source,
                samples=reading.samples,
                **estimate(reading.samples, reading.unit, others)._asdict(),
            )
            for reading in self.readings
        )


class Recording(NamedTuple):
    """A file of recorded trials: its header, and the trials by the key of their configuration."""

    path: Path
    header: Header
    trials: Mapping[str, Recorded]

    @property
    def days(self) -> list[str]:
        """The days on which trials were measured, in order."""
        return sorted({trial.date for trial in self.trials.values()})


def header(
    cell: Cell, machine: str, build: Mapping[str, str], made_of: Mapping[str, str]
) -> Header:
    """How the trials of a cell begin that are measured on a machine with some libraries."""
    return Header(
        cell=cell.id,
        model=cell.model.model_dump(
            mode="json", exclude={"about", "gguf", "transformers"}, exclude_none=True
        ),
        space_sha256=_hash(cell.space),
        workload=cell.workload.model_dump(mode="json"),
        measurement=cell.measurement.model_dump(mode="json", include={"precision", "processes"}),
        machine=machine,
        build=dict(build),
        made_of=dict(made_of),
        source=Source.SIMULATED if cell.simulated else Source.MEASURED,
    )


def _hash(space: SearchSpace) -> str:
    """Of what a space holds; what is said of its parameters changes no number."""
    told = space.model_dump(mode="json")
    return sha256({name: _wordless(one) for name, one in told.items()})


def _wordless(parameter: object) -> object:
    if not isinstance(parameter, dict):
        return parameter
    return {name: value for name, value in parameter.items() if name != "about"}


def read(path: Path) -> Recording:
    """The recorded trials at `path`.

    Raises:
        HaqaError: missing, damaged, or not recorded trials; names the line.
    """
    return parsed(path, read_finished(path))


def parsed(path: Path, lines: list[JsonObject], kind: type[Header] = Header) -> Recording:
    """The recorded trials that lines, which stand at `path`, make; the first is of a `kind` of
    header. Errors as `read`.
    """
    if not lines:
        raise HaqaError(path, "is empty", RESTORE)
    check_format(f"{path}:1", lines[0], FORMAT)
    first = _checked(kind, path, 1, lines[0])
    trials: dict[str, Recorded] = {}
    for number, line in enumerate(lines[1:], 2):
        trial = _checked(Recorded, path, number, line)
        if trials.setdefault(trial.key, trial) is not trial:
            raise HaqaError(f"{path}:{number}", "a configuration is recorded twice", RESTORE)
    return Recording(path, first, trials)


def check(recording: Recording, cell: Cell) -> None:
    """Raises HaqaError when trials were recorded of another cell, or of other configurations."""
    found, path = recording.header, recording.path
    now = header(cell, found.machine, found.build, found.made_of)
    if other := differences(found, now, cell):
        what = f"was recorded of another {', '.join(other)} than {cell.id} has now"
        todo = "Restore the suite, or record anew: haqa-bench run SUITE --measure live --fresh"
        raise HaqaError(path, what, todo)
    for number, trial in enumerate(recording.trials.values(), 2):
        if problems := cell.space.problems(trial.configuration):
            raise HaqaError(f"{path}:{number}", f"no configuration: {problems[0]}", RESTORE)


def differences(found: Header, now: Header, cell: Cell) -> list[str]:
    """In what a header that was found differs from a cell's as it would be now, in words."""
    if cell.workload.agrees(found.workload):
        found = found.model_copy(update={"workload": now.workload})
    return [said for name, said in _WORDS.items() if getattr(found, name) != getattr(now, name)]


_WORDS = {
    "cell": "cell",
    "model": "model",
    "space_sha256": "search space",
    "workload": "workload",
    "measurement": "measurement protocol",
    "made_of": "data",
    "source": "source",
    "machine": "machine",
    "build": "build",
}
"""What a header says that must be the same for two trials to stand side by side."""


def put(target: Path, begun: Header, trials: Iterable[Recorded]) -> bool:
    """Puts trials in the place of a recording; whether that changed it. Whoever calls holds
    `alone`.

    Raises:
        HaqaError: it cannot be written; the recording before is still there.
    """
    ordered = sorted(trials, key=lambda trial: trial.key)
    data = finished(entry.model_dump(mode="json") for entry in (begun, *ordered))
    if target.is_file() and read_bytes(target) == data:
        return False
    manifest.write(target, data)
    return True


def alone(target: Path) -> FileLock:
    """What one process at a time holds that changes a recording."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(target.with_suffix(".jsonl.partial.lock"))


def taken(
    configuration: Configuration, outcome: Outcome | EvaluationFailed, day: str, **told: str
) -> Recorded:
    """What a measurement gave, or that it failed, as it is recorded; `told` are machine and
    version.
    """
    common = {"configuration": dict(configuration), "date": day, **told}
    if isinstance(outcome, EvaluationFailed):
        failed = {"status": outcome.status, "reason": outcome.reason, "seconds": outcome.seconds}
        return Recorded.model_validate(common | failed)
    readings = tuple(
        Reading(name=m.name, unit=m.unit, samples=m.samples) for m in outcome.measurements
    )
    measured = {"status": Status.OK, "readings": readings, "facts": dict(outcome.facts)}
    return Recorded.model_validate(common | measured | {"seconds": outcome.seconds})


def _checked(kind: type[Kind], path: Path, number: int, entry: JsonObject) -> Kind:
    text = json.dumps(entry, ensure_ascii=False)
    try:
        return kind.model_validate_json(text.encode("utf-8", "replace"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "line"
        what = f"no recorded trial: {place}: {first['msg'].removeprefix('Value error, ')}"
        raise HaqaError(f"{path}:{number}", what, RESTORE) from None
