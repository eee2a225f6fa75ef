"""A parameter that is a list of choices."""

import math
import random
from collections.abc import Iterable, Sequence
from functools import cached_property
from numbers import Number
from typing import Self, SupportsFloat

from pydantic import model_validator

from haqa_bench.documents import JsonObject
from haqa_bench.listed import Scalar
from haqa_bench.parameters.parameter import MOST, Parameter
from haqa_bench.parameters.scalars import plain


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
