"""T4, the results of several autotuners (schema 1.0.0): each measurement says its unit, and the
metadata say that of the runtimes.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, JsonValue

from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError, Status
from haqa_bench.space import Scalar, SearchSpace
from haqa_bench.store.kernel_tuner import units
from haqa_bench.store.kernel_tuner.entries import (
    WORDS,
    Entry,
    Failure,
    ForeignFile,
    Quantity,
    Runtimes,
)
from haqa_bench.store.kernel_tuner.opened import Foreign, checked

CORRECT = "correct"
INVALIDITY: Mapping[str, Status] = {
    "timeout": Status.TIMEOUT,
    "compile": Status.COMPILE_ERROR,
    "constraints": Status.REFUSED,
    "correctness": Status.WRONG_OUTPUT,
    "runtime": Status.CRASHED,
}
"""T4's words for what failed."""
NO_UNIT = ("none", "")
FORM = "T4 results"


class Times(Foreign):
    """Of one result, in the metadata's unit."""

    runtimes: list[float | None] | None = None
    compilation: float | None = None
    compilation_time: float | None = None
    benchmark: float | None = None
    validation: float | None = None


class Measured(Foreign):
    """A metric of one result."""

    name: str
    value: JsonValue = None
    unit: str | None = None


class Result(Foreign):
    """One configuration."""

    configuration: dict[str, Scalar]
    times: Times | None = None
    invalidity: str | None = None
    correctness: bool | float | None = None
    measurements: list[Measured] | None = None
    objectives: list[JsonValue] | None = None


class Metadata(Foreign):
    """Of a file."""

    timeunit: str | None = None


class T4File(Foreign):
    """Results."""

    metadata: Metadata | None = None
    results: list[Result] = Field(default_factory=list)


def read(path: Path, found: JsonObject, sha256: str, space: SearchSpace | None) -> ForeignFile:
    """The configurations of T4 results.

    Raises:
        HaqaError: a field is of another kind, or the unit of time is unknown.
    """
    file = checked(path, T4File, found)
    unit = _timeunit(path, file)
    entries = [_entry(path, f"results[{n}]", r, unit) for n, r in enumerate(file.results)]
    named = [o for result in file.results for o in result.objectives or () if isinstance(o, str)]
    return ForeignFile(FORM, sha256, _parameters(file), named[0] if named else None, entries)


def _timeunit(path: Path, file: T4File) -> str | None:
    said = file.metadata.timeunit if file.metadata else None
    if said is None or said in NO_UNIT:
        return None
    if not units.is_time(said):
        raise HaqaError(path, f"metadata.timeunit: {said!r} is no known unit of time")
    return said


def _parameters(file: T4File) -> dict[str, list[Scalar]]:
    """The values of each parameter that occur, type included, in the order in which they do."""
    found: dict[str, dict[tuple[type, Scalar], Scalar]] = {}
    for result in file.results:
        for name, value in result.configuration.items():
            found.setdefault(name, {})[type(value), value] = value
    return {name: list(values.values()) for name, values in found.items()}


def _entry(path: Path, where: str, result: Result, unit: str | None) -> Entry:
    values: dict[str, Quantity] = {}
    for measured in result.measurements or ():
        if measured.name in values:
            raise HaqaError(path, f"{where}: {measured.name!r} was measured twice")
        values[measured.name] = Quantity(measured.value, measured.unit or None)
    times = result.times or Times()
    runtimes = Runtimes(times.runtimes or (), unit, unit is not None)
    failure = _failure(result, values)
    return Entry(where, result.configuration, failure, values, runtimes, _seconds(times, unit))


def _failure(result: Result, values: Mapping[str, Quantity]) -> Failure | None:
    """What `invalidity`, `correctness` or a word in place of a value says."""
    said = result.invalidity
    if said is not None and said != CORRECT:
        return Failure(INVALIDITY.get(said, Status.CRASHED), f"the file says invalidity {said}")
    if result.correctness is not None and not result.correctness >= 1:
        reason = f"the file says correctness {result.correctness:g}"
        return Failure(Status.WRONG_OUTPUT, reason)
    said_of = [q.value for q in values.values() if isinstance(q.value, str)]
    word = next((word for word in said_of if word in WORDS), None)
    return Failure(WORDS[word], f"the file says {word}") if word else None


def _seconds(times: Times, unit: str | None) -> float | None:
    stages = (times.compilation or times.compilation_time, times.benchmark, times.validation)
    taken = sum(t for t in stages if t is not None and 0 < t < float("inf"))
    return taken * (units.factor(unit, "s") or 0.0) or None if unit else None
