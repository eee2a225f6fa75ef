"""The parameters of a search space: a list of choices, or a range of whole or of real numbers.

A number of a range is rounded before anything is made of it: to the next whole number or step, or
to so many digits as the range states. So a configuration has one key, whoever proposed it, and a
range has a known, if large, count of values. A range on a logarithmic scale has its real numbers
rounded to `digits` significant digits each; another, to that digit for all which is the
`digits`-th of its largest number.
"""

import math
import random
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from numbers import Number, Real
from typing import Annotated, Self, SupportsFloat

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from haqa_bench.documents import Document, JsonObject
from haqa_bench.limits import Limit
from haqa_bench.listed import Scalar

MOST = 2**53
"""The largest integer that JSON keeps exactly in every reader (RFC 8785)."""
DIGITS = 4


class Parameter(Document):
    """One setting: the values that it may have, the default that people use, and what a prompt may
    say of it.
    """

    default: Scalar
    about: str = ""
    limit: Limit | tuple[Limit, ...] | None = None

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What its values must keep, together with those of others."""
        return (self.limit,) if isinstance(self.limit, Limit) else self.limit or ()

    @property
    def finite(self) -> bool:
        """Whether its values are few enough to be listed."""
        return False

    @property
    def ordered(self) -> bool:
        """Whether its values are numbers, in order."""
        return True

    @property
    @abstractmethod
    def size(self) -> int:
        """How many values it may have."""

    @abstractmethod
    def has(self, value: object) -> bool:
        """Whether it may have `value`, type included: True is not 1, and 1 is not 1.0."""

    @abstractmethod
    def meant(self, value: object) -> object:
        """The value that it may have and that `value` stands for: a number of another library, 8.0
        for 8, or more digits than are kept. Else `value` as it is. True is not 1, and no text is a
        number.
        """

    def rounded(self, value: object) -> object:
        """As `meant`, where the values are a range; a choice is what it is."""
        return self.meant(value)

    @abstractmethod
    def drawn(self, rng: random.Random) -> Scalar:
        """A value drawn uniformly, on its scale."""

    @abstractmethod
    def every(self) -> Iterable[Scalar]:
        """All `size` values, in order."""

    @abstractmethod
    def fraction(self, value: Scalar) -> float:
        """Where a value lies on its scale: 0 for the first, 1 for the last."""

    @abstractmethod
    def beside(self, value: Scalar, stride: float) -> Sequence[Scalar]:
        """The values next to one: those a stride away to either side, as a share of its scale, and
        always another value; of choices, the next to either side, or any other where they are
        names.
        """

    @property
    @abstractmethod
    def said(self) -> str:
        """Its values in words, such as `1, 2, 4` or `a whole number from 8 to 12`."""

    @abstractmethod
    def wrong(self, value: object) -> str:
        """Why it cannot have `value`, in words."""

    @abstractmethod
    def as_schema(self) -> JsonObject:
        """The JSON schema of its values."""


class Choices(Parameter):
    """A setting that has one of a list of values. Numbers are ordered as they are written."""

    choices: tuple[Scalar, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.choices:
            raise ValueError("choices is empty")
        for choice in self.choices:
            if not _holds(choice):
                raise ValueError(f"choice {choice!r} is no number that JSON holds exactly")
        if len(self._known) < len(self.choices):
            raise ValueError("a choice is given twice")
        if not self.has(self.default):
            raise ValueError(
                f"default {self.default!r} is none of the choices {list(self.choices)}"
            )
        return self

    @property
    def finite(self) -> bool:
        """See Parameter."""
        return True

    @property
    def ordered(self) -> bool:
        """See Parameter."""
        return all(isinstance(c, int | float) and not isinstance(c, bool) for c in self.choices)

    @property
    def size(self) -> int:
        """See Parameter."""
        return len(self.choices)

    def has(self, value: object) -> bool:
        """See Parameter."""
        try:
            return (type(value), value) in self._known
        except TypeError:  # a list or an object, which has no hash
            return False

    def meant(self, value: object) -> object:
        """See Parameter: the one choice that equals `value`."""
        if self.has(value):
            return value
        same = [choice for choice in self.choices if _equal(choice, value)]
        return same[0] if len(same) == 1 else value

    def rounded(self, value: object) -> object:
        """See Parameter."""
        return value

    def drawn(self, rng: random.Random) -> Scalar:
        """See Parameter."""
        return rng.choice(self.choices)

    def every(self) -> Iterable[Scalar]:
        """See Parameter."""
        return self.choices

    def fraction(self, value: Scalar) -> float:
        """See Parameter."""
        return self.choices.index(value) / max(len(self.choices) - 1, 1)

    def beside(self, value: Scalar, stride: float) -> Sequence[Scalar]:
        """See Parameter."""
        here = self.choices.index(value)
        if not self.ordered:
            return [*self.choices[:here], *self.choices[here + 1 :]]
        return [*self.choices[max(here - 1, 0) : here], *self.choices[here + 1 : here + 2]]

    @property
    def said(self) -> str:
        """See Parameter."""
        return ", ".join(map(str, self.choices))

    def wrong(self, value: object) -> str:
        """See Parameter."""
        return f"{value!r} is none of {list(self.choices)}"

    def as_schema(self) -> JsonObject:
        """See Parameter."""
        return {"enum": list(self.choices)}

    @cached_property
    def _known(self) -> frozenset[tuple[type, object]]:
        return frozenset((type(c), c) for c in self.choices)


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
        number = _real(value)
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
        number = _real(value)
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


def plain(value: object) -> object:
    """A scalar of a numerical library, such as np.int64(8), as Python's own; all else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def _real(value: object) -> float | None:
    """A number, of whatever library, to its own digits; None of what is none."""
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, Real):
        return None
    short = getattr(getattr(value, "dtype", None), "itemsize", 8) < 8
    try:
        # np.float32(0.1) is meant as 0.1, not as the double that it is nearest to
        return float(str(value)) if short and isinstance(found, float) else float(found)
    except OverflowError:  # a whole number that is larger than any float
        return None


def _equal(choice: Scalar, value: object) -> bool:
    """Whether a choice is what a number or text of another type says, to that type's digits."""
    found = plain(value)
    if not isinstance(found, Number | str) or isinstance(choice, str) != isinstance(found, str):
        return False
    if isinstance(choice, bool) != isinstance(found, bool):
        return False
    return bool(found == choice) or _as_float(choice, value)


def _as_float(choice: Scalar, value: object) -> bool:
    """Whether a choice, rounded to the digits of a short float such as np.float32, is `value`."""
    kind = getattr(value, "dtype", None)
    if kind is None or getattr(kind, "kind", "") != "f" or isinstance(choice, str):
        return False
    known = value.__float__() if isinstance(value, SupportsFloat) else 0.0
    return known != 0 and math.isfinite(known) and bool(kind.type(choice) == value)


def _holds(value: Scalar) -> bool:
    """Whether JSON keeps a value: finite, and no integer that a float cannot tell from the next."""
    if isinstance(value, bool | str):
        return True
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= MOST
