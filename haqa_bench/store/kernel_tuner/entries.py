"""What another tuner's file says of one configuration, whatever form the file has."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from haqa_bench.errors import Status
from haqa_bench.space import Scalar

MARK = 1e20
"""What Kernel Tuner wrote in place of a time that it could not take: this, or more."""
WORDS: Mapping[str, Status] = {
    "InvalidConfig": Status.REFUSED,
    "CompilationFailedConfig": Status.COMPILE_ERROR,
    "RuntimeFailedConfig": Status.CRASHED,
    "ErrorConfig": Status.CRASHED,
}
"""What Kernel Tuner calls failures: before 1.4 in place of a value, since then as `__error__`."""


class Failure(NamedTuple):
    """Why a configuration has no value."""

    status: Status
    reason: str


class Quantity(NamedTuple):
    """A value as the file has it, or its samples, and its unit; None where the file says none."""

    value: JsonValue
    unit: str | None


class Runtimes(NamedTuple):
    """The samples of a time, with their unit; None where there is none. `stated` where the file
    says it, and no custom alone.
    """

    samples: Sequence[float | None]
    unit: str | None
    stated: bool


class Entry(NamedTuple):
    """A configuration, by `where` it stands in the file; `values` by name. `failure` is what the
    file says became of it, `seconds` what its evaluation took, where it says so.
    """

    where: str
    configuration: Mapping[str, Scalar]
    failure: Failure | None
    values: Mapping[str, Quantity]
    runtimes: Runtimes
    seconds: float | None


class ForeignFile(NamedTuple):
    """All configurations of a file; `parameters` are their choices, as far as it lists them, and
    `objective` what was tuned for.
    """

    form: str
    sha256: str
    parameters: Mapping[str, Sequence[Scalar]]
    objective: str | None
    entries: Sequence[Entry]


def failure_in(value: JsonValue) -> Failure | None:
    """Why a value is none: nothing, a word, no finite number, or Kernel Tuner's mark."""
    if value is None:
        return Failure(Status.CRASHED, "the file has null in place of a value")
    if isinstance(value, str):
        return _failure_of_text(value)
    if isinstance(value, int | float) and not finite(value):
        said = f"{value:g}" if isinstance(value, float) else "an integer beyond all floats"
        return Failure(Status.NOT_FINITE, f"the file says {said}")
    if isinstance(value, int | float) and abs(value) >= MARK:
        return Failure(Status.CRASHED, f"the file says {value:g}, which marks a failure")
    return None


def finite(value: float) -> bool:
    """Whether a number is one that a table can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _failure_of_text(text: str) -> Failure | None:
    try:
        number = float(text)
    except ValueError:
        return Failure(WORDS.get(text, Status.CRASHED), f"the file says {text}")
    return None if math.isfinite(number) else Failure(Status.NOT_FINITE, f"the file says {text}")
