"""A parameter that is a range of whole or of real numbers."""

import math
import random
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated, Self

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from haqa_bench.documents import Document, JsonObject
from haqa_bench.listed import Scalar
from haqa_bench.parameters.parameter import MOST, Parameter
from haqa_bench.parameters.scalars import real

DIGITS = 4
LOG = "whether a factor is as far wherever it stands, as for learning rates"


class WholeBounds(Document):
    """From `low` to `high`, both included, every `step`; or, with `log`, every whole number, where
    a factor is as far wherever it stands.
    """

    low: int = Field(ge=-MOST, le=MOST, description="the smallest value")
    high: int = Field(ge=-MOST, le=MOST, description="the largest value")
    log: bool = Field(False, description=LOG)
    step: int = Field(1, ge=1, description="the distance of two values; not with log")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check(self.low, self.high, self.log)
        if self.log and self.step > 1:
            raise ValueError("a range has log or a step, not both")
        if (self.high - self.low) % self.step:
            raise ValueError(f"high {self.high} is no whole number of steps above low {self.low}")
        return self


class RealBounds(Document):
    """From `low` to `high`, both included, rounded to `digits`; with `log`, a factor is as far
    wherever it stands.
    """

    low: float = Field(description="the smallest value; above 0 with log")
    high: float = Field(description="the largest value")
    log: bool = Field(False, description=LOG)
    digits: int = Field(DIGITS, ge=1, le=15, description="that are kept of a number: 0.01234 of 4")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check(self.low, self.high, self.log)
        for name, bound in (("low", self.low), ("high", self.high)):
            if self.kept(bound) != bound:
                raise ValueError(f"{name} {bound!r} has more than {self.digits} digits (digits:)")
        return self

    def kept(self, value: float) -> float:
        """A number with the digits that are kept."""
        if self.log:
            return float(f"{value:.{self.digits - 1}e}")
        return round(value, self.decimals) + 0.0  # no -0.0

    @cached_property
    def decimals(self) -> int:
        """How many digits after the point are kept where the scale is not logarithmic."""
        return self.digits - 1 - math.floor(math.log10(max(abs(self.low), abs(self.high))))


def _check(low: float, high: float, log: bool) -> None:
    if low >= high:
        raise ValueError(f"low {low!r} is not below high {high!r}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic range begins above 0, not at {low!r}")


class Range(Parameter):
    """A setting that has any number of a range."""

    model_config = ConfigDict(serialize_by_alias=True)
    bounds: WholeBounds | RealBounds

    @abstractmethod
    def kept(self, number: float) -> Scalar:
        """The value that is next to a number."""

    def at(self, fraction: float) -> Scalar:
        """The value at a place of its scale: the lowest at 0 or below, the highest at 1 or
        above.
        """
        return self.kept(self._between(fraction))

    def fraction(self, value: Scalar) -> float:
        """See Parameter."""
        bounds, number = self.bounds, float(value)
        if bounds.log:
            share = math.log(number / bounds.low) / math.log(bounds.high / bounds.low)
        else:
            share = (number - bounds.low) / (bounds.high - bounds.low)
        return share

    def beside(self, value: Scalar, stride: float) -> Sequence[Scalar]:
        """See Parameter."""
        here = self.fraction(value)
        found = [self.at(here - stride), self.at(here + stride)]
        return [other for other in dict.fromkeys(found) if other != value]

    def wrong(self, value: object) -> str:
        """See Parameter."""
        return f"{value!r} is not {self.said}"

    def _within(self) -> str:
        scale = ", on a logarithmic scale" if self.bounds.log else ""
        return f"from {self.bounds.low} to {self.bounds.high}{scale}"

    def _between(self, fraction: float) -> float:
        bounds, share = self.bounds, min(max(fraction, 0.0), 1.0)
        if bounds.log:
            return float(bounds.low * (bounds.high / bounds.low) ** share)
        return bounds.low + (bounds.high - bounds.low) * share


class IntRange(Range):
    """A setting that has any whole number of a range, which a file gives under `int`."""

    default: Annotated[Scalar, WithJsonSchema({"type": "integer"})]
    bounds: WholeBounds = Field(alias="int")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.has(self.default):
            raise ValueError(f"default {self.default!r} is not {self.said}")
        return self

    @property
    def said(self) -> str:
        """See Range."""
        step = self.bounds.step
        steps = f" in steps of {step}" if step > 1 else ""
        return f"a whole number {self._within()}{steps}"

    @property
    def size(self) -> int:
        """See Parameter."""
        return (self.bounds.high - self.bounds.low) // self.bounds.step + 1

    def has(self, value: object) -> bool:
        """See Parameter."""
        bounds = self.bounds
        if type(value) is not int or not bounds.low <= value <= bounds.high:
            return False
        return (value - bounds.low) % bounds.step == 0

    def meant(self, value: object) -> object:
        """See Parameter. What is no whole number is left as it is."""
        number = real(value)
        if number is None or not math.isfinite(number) or number != math.floor(number):
            return value
        return int(number)

    def drawn(self, rng: random.Random) -> Scalar:
        """See Parameter."""
        bounds = self.bounds
        if not bounds.log:
            return rng.randrange(bounds.low, bounds.high + 1, bounds.step)
        low, high = math.log(bounds.low - 0.5), math.log(bounds.high + 0.5)
        return self.kept(math.exp(rng.uniform(low, high)))

    def every(self) -> Iterable[Scalar]:
        """See Parameter."""
        return range(self.bounds.low, self.bounds.high + 1, self.bounds.step)

    def kept(self, number: float) -> Scalar:
        """See Range."""
        bounds = self.bounds
        steps = round((number - bounds.low) / bounds.step)
        return min(max(bounds.low + steps * bounds.step, bounds.low), bounds.high)

    def beside(self, value: Scalar, stride: float) -> Sequence[Scalar]:
        """See Parameter."""
        number, here, bounds = int(value), self.fraction(value), self.bounds
        lower = min(int(self.at(here - stride)), number - bounds.step)
        upper = max(int(self.at(here + stride)), number + bounds.step)
        return [other for other in (lower, upper) if bounds.low <= other <= bounds.high]

    def as_schema(self) -> JsonObject:
        """See Parameter."""
        bounds = self.bounds
        return {"type": "integer", "minimum": bounds.low, "maximum": bounds.high}


class FloatRange(Range):
    """A setting that has any real number of a range, as far as its digits are kept; a file gives it
    under `float`.
    """

    default: float
    bounds: RealBounds = Field(alias="float")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.has(self.default):
            raise ValueError(f"default {self.default!r} is not {self.said}, of its digits")
        return self

    @property
    def said(self) -> str:
        """See Range."""
        return f"a number {self._within()}"

    @property
    def size(self) -> int:
        """See Parameter."""
        bounds = self.bounds
        if not bounds.log:
            return round((bounds.high - bounds.low) * float(10) ** bounds.decimals) + 1
        return self._rank(bounds.high) - self._rank(bounds.low) + 1

    def has(self, value: object) -> bool:
        """See Parameter."""
        bounds = self.bounds
        if type(value) is not float or not bounds.low <= value <= bounds.high:
            return False
        return bounds.kept(value) == value

    def meant(self, value: object) -> object:
        """See Parameter."""
        number = real(value)
        return value if number is None or not math.isfinite(number) else self.bounds.kept(number)

    def drawn(self, rng: random.Random) -> Scalar:
        """See Parameter."""
        return self.at(rng.random())

    def every(self) -> Iterable[Scalar]:
        """See Parameter."""
        bounds = self.bounds
        if not bounds.log:
            unit = float(10) ** -bounds.decimals
            return (self.kept(bounds.low + unit * number) for number in range(self.size))
        first = self._rank(bounds.low)
        return (self._of_rank(first + number) for number in range(self.size))

    def kept(self, number: float) -> Scalar:
        """See Range."""
        return min(max(self.bounds.kept(number), self.bounds.low), self.bounds.high)

    def as_schema(self) -> JsonObject:
        """See Parameter."""
        return {"type": "number", "minimum": self.bounds.low, "maximum": self.bounds.high}

    def _rank(self, value: float) -> int:
        """How many numbers of so many digits lie below one, of those from 1 on."""
        digits = self.bounds.digits
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        each = int(10 ** (digits - 1))
        return 9 * each * int(exponent) + int(mantissa.replace(".", "")) - each

    def _of_rank(self, rank: int) -> float:
        digits = self.bounds.digits
        each = int(10 ** (digits - 1))
        exponent, above = divmod(rank, 9 * each)
        return float(f"{each + above}e{exponent - digits + 1}")
