"""What configurations of a search space have to keep: sums and products at most or at least so
large, or divisible.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, model_validator

from haqa_bench.documents import Document

Number = int | float
Factor = int | str
"""A number, or a parameter's name."""
Scalar = bool | int | float | str
Values = Mapping[str, Scalar]


class Limit(Document):
    """A product or a sum, of the parameter that the limit stands with and others of the space, such
    as the work-items of a group; and what holds for it. Divisors are products too. `when` names
    other parameters, and the values with which alone it holds.
    """

    times: tuple[str, ...] = ()
    plus: tuple[str, ...] = Field((), exclude_if=lambda names: not names)
    at_most: Number | None = Field(None, exclude_if=lambda most: most is None)
    at_least: Number | None = Field(None, exclude_if=lambda least: least is None)
    divisible_by: tuple[Factor, ...] = Field((), exclude_if=lambda by: not by)
    divides: tuple[Factor, ...] = Field((), exclude_if=lambda by: not by)
    when: dict[str, tuple[Scalar, ...]] = Field(default={}, exclude_if=lambda values: not values)
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if self.times and self.plus:
            raise ValueError("a limit is of a product (times) or of a sum (plus), not of both")
        bounds = (self.at_most, self.at_least)
        divided = self.divisible_by or self.divides
        if not divided and bounds == (None, None):
            raise ValueError("a limit says at_most, at_least, divisible_by or divides")
        if not (divided or self.times or self.plus or self.when):
            raise ValueError("a limit of one parameter alone: leave out the choices that break it")
        return self

    def others(self) -> list[str]:
        """The other parameters that it speaks of."""
        divisors = (*self.divisible_by, *self.divides)
        return [*self.times, *self.plus, *(name for name in divisors if isinstance(name, str))]

    def broken(self, name: str, values: Values) -> Iterator[str]:
        """What of it the values of all parameters break, in words; it stands with `name`."""
        if self._holds(values):
            yield from (f"{self._condition}{said}" for said in self._broken(name, values))

    def _broken(self, name: str, values: Values) -> Iterator[str]:
        found = self._amount(name, values)
        if self.at_most is not None and found > self.at_most:
            yield f"{self._said(name)} is at most {self.at_most}: {self.why}, not {found:g}"
        if self.at_least is not None and found < self.at_least:
            yield f"{self._said(name)} is at least {self.at_least}: {self.why}, not {found:g}"
        for by, divided in ((self.divisible_by, "divisible by"), (self.divides, "a divisor of")):
            other = math.prod(_number(values, factor) for factor in by)
            pair = (found, other) if divided == "divisible by" else (other, found)
            if by and not _divisible(*pair):
                said = " x ".join(map(str, by))
                yield f"{self._said(name)} is {divided} {said}: {self.why}, not {found:g}"

    def in_words(self, name: str) -> str:
        """It as a sentence; it stands with the parameter `name`."""
        parts = [
            f"at most {self.at_most}" if self.at_most is not None else "",
            f"at least {self.at_least}" if self.at_least is not None else "",
            f"divisible by {' x '.join(map(str, self.divisible_by))}" if self.divisible_by else "",
            f"a divisor of {' x '.join(map(str, self.divides))}" if self.divides else "",
        ]
        told = f"{self._said(name)} is {' and '.join(filter(None, parts))}: {self.why}"
        return f"{self._condition}{told}"

    def as_code(self, name: str) -> Iterator[str]:
        """As expressions of Python, which Kernel Tuner takes as restrictions."""
        others = "".join(f"{other} not in {held!r} or " for other, held in self.when.items())
        yield from (f"{others}{code}" for code in self._as_code(name))

    def _as_code(self, name: str) -> Iterator[str]:
        left = (" + " if self.plus else " * ").join((name, *self.times, *self.plus))
        whole = f"({left})" if self.times or self.plus else left
        if self.at_most is not None:
            yield f"{left} <= {self.at_most}"
        if self.at_least is not None:
            yield f"{left} >= {self.at_least}"
        if self.divisible_by:
            yield f"{whole} % ({' * '.join(map(str, self.divisible_by))}) == 0"
        if self.divides:
            yield f"({' * '.join(map(str, self.divides))}) % {whole} == 0"

    def _holds(self, values: Values) -> bool:
        """Whether the other parameters have the values with which it holds."""
        return all(
            any(one == values[other] and type(one) is type(values[other]) for one in held)
            for other, held in self.when.items()
        )

    @property
    def _condition(self) -> str:
        """With what it holds, in words before it; empty where it always does."""
        parts = [
            f"{other} is {' or '.join(map(_quoted, held))}" for other, held in self.when.items()
        ]
        return f"where {' and '.join(parts)}: " if parts else ""

    def _said(self, name: str) -> str:
        return (" + " if self.plus else " x ").join((name, *self.times, *self.plus))

    def _amount(self, name: str, values: Values) -> float:
        every = [_number(values, other) for other in (name, *self.times, *self.plus)]
        return float(sum(every) if self.plus else math.prod(every))


def _quoted(value: Scalar) -> str:
    """A value in words; a text that is empty, or no word, in quotation marks."""
    return str(value) if re.fullmatch(r"[\w.+-]+", str(value)) else repr(value)


def _number(values: Values, factor: Factor) -> float:
    return float(values[factor]) if isinstance(factor, str) else float(factor)


def _divisible(number: float, by: float) -> bool:
    """Whether one is a multiple of the other; nothing is of 0."""
    return by != 0 and number % by == 0
