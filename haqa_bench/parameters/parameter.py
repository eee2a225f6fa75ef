"""What every parameter of a search space can be asked."""

import random
from abc import abstractmethod
from collections.abc import Iterable, Sequence

from haqa_bench.documents import Document, JsonObject
from haqa_bench.limits import Limit
from haqa_bench.listed import Scalar

MOST = 2**53
"""The largest integer that JSON keeps exactly in every reader (RFC 8785)."""


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
