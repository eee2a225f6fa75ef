"""Pairs and tests of a cell's winners as they were recorded, each line checked at the door."""

import json
from collections.abc import Sequence
from math import isclose
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from haqa_bench.arithmetic.estimate import QUIET, estimate
from haqa_bench.documents import Document, JsonObject, check_format
from haqa_bench.errors import HaqaError
from haqa_bench.store.journal import read_finished, read_lines

FORMAT = 2
"""Of the journals of pairs and tests; those of the first have no chain of hashes."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
DEFAULT, TUNED = "default", "tuned"
"""The sides of a pair."""
RESTORE = "Restore it, or delete it and run: haqa-bench confirm RUN"


class Failure(NamedTuple):
    """Which side of a pair could not be measured, and why; a line of pairs holds it as text."""

    side: str
    reason: str

    @property
    def of_default(self) -> bool:
        """Whether the default was the side, of which nothing follows for the other."""
        return self.side == DEFAULT

    def __str__(self) -> str:
        return f"{self.side}: {self.reason}"


def failure(told: str) -> Failure:
    """What a line tells of a pair that failed."""
    side, _, reason = told.partition(": ")
    return Failure(side, reason)


class Card(Document):
    """The first line: what was confirmed, and where."""

    kind: Literal["card"]
    format: int = 1
    cell: str
    workload: JsonObject
    default: str
    metric: str
    unit: str
    machine: str
    haqa_bench: str


class Pair(Document):
    """A configuration beside the default in one sitting; without values where it failed."""

    kind: Literal["pair"]
    configuration: str
    pair: int = Field(ge=0)
    first: Literal["default", "tuned"]
    date: str
    others: Finite = Field(ge=0)
    failed: str
    default: Finite | None = None
    default_samples: tuple[Finite, ...] = ()
    tuned: Finite | None = None
    tuned_samples: tuple[Finite, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Pair":
        if not self.failed and (self.default is None or self.tuned is None):
            raise ValueError("neither failed nor measured on both sides")
        return self

    def problem(self, unit: str) -> str:
        """Why a value is not what its samples give, in words; empty where it is."""
        sides = (
            ("default", self.default, self.default_samples),
            ("tuned", self.tuned, self.tuned_samples),
        )
        wrong = [
            name
            for name, value, samples in sides
            if value is not None and not _given(value, samples, unit, self.others)
        ]
        return f"{wrong[0]} is not what its samples give" if wrong else ""


class Test(Document):
    """A configuration trained anew with a seed, and tested; without values where it failed."""

    kind: Literal["test"]
    configuration: str
    seed: int = Field(ge=0)
    date: str
    failed: str
    values: dict[str, tuple[Finite | None, str]]
    facts: dict[str, str]

    def problem(self, _: str) -> str:
        """Why a share is not that of its items, in words; empty where it is."""
        wrong = [
            name
            for name, (value, unit) in self.values.items()
            if value is not None and not _share_of(value, unit, self.facts.get(name, ""))
        ]
        return f"{wrong[0]} is not the share of its items that are right" if wrong else ""


Line = Pair | Test
Kind = TypeVar("Kind")
_CARD = TypeAdapter(Card)
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


class Confirmed(NamedTuple):
    """A file's card and lines, the first of which is the file's second."""

    card: Card
    lines: Sequence[Line]


def read(path: Path, finished: bool = False) -> Confirmed:
    """The pairs or tests in a file, which must be a `finished` recording where that is asked for.

    Raises:
        HaqaError: damaged, no such lines, or a value that its samples do not give; names the line.
    """
    entries = read_finished(path) if finished else read_lines(path)
    if not entries:
        raise HaqaError(path, "is empty", RESTORE)
    check_format(path, entries[0], FORMAT)
    card = _checked(_CARD, path, 1, entries[0])
    lines = [_checked(_LINE, path, number, entry) for number, entry in enumerate(entries[1:], 2)]
    for number, line in enumerate(lines, 2):
        if problem := line.problem(card.unit):
            raise HaqaError(f"{path}:{number}", problem, RESTORE)
    return Confirmed(card, lines)


def _checked(kind: TypeAdapter[Kind], path: Path, number: int, entry: JsonObject) -> Kind:
    try:
        return kind.validate_json(json.dumps(entry))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "line"
        what = f"not pairs or tests: {place}: {first['msg'].removeprefix('Value error, ')}"
        raise HaqaError(f"{path}:{number}", what, RESTORE) from None


def _given(value: float, samples: Sequence[float], unit: str, others: float) -> bool:
    """Whether samples give a value. Which of them were disturbed is not kept: where any was, the
    value lies among them.
    """
    if not samples:
        return False
    if others > QUIET:
        return min(samples) <= value <= max(samples)
    return estimate(samples, unit).value == value


def _share_of(value: float, unit: str, items: str) -> bool:
    """Whether a value is the share of `1` among items, where these are kept."""
    scale = 100 if unit == "%" else 1
    return not items or isclose(value, scale * items.count("1") / len(items), rel_tol=1e-9)
