"""The search space of a cell: named parameters, each with a finite list of choices.

Finite, so that a cell can be measured once in full, and regret counts from the best of it. Numeric
choices are ordered as written.
"""

import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from numbers import Number
from typing import Self, SupportsFloat, TypeGuard

from pydantic import Field, RootModel, model_validator

from haqa_bench.documents import Document

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
Scalar = bool | int | float | str
Configuration = Mapping[str, Scalar]


class Limit(Document):
    """A product that may not grow too large: a parameter times others of the space, such as the
    work-items of a group.
    """

    times: tuple[str, ...] = Field(min_length=1)
    at_most: int
    why: str = Field(min_length=1)


class Parameter(Document):
    """One setting: its choices, the default that people use, and what a prompt may say of it."""

    choices: tuple[Scalar, ...]
    default: Scalar
    about: str = ""
    limit: Limit | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.choices:
            raise ValueError("choices is empty")
        if len(self._known) < len(self.choices):
            raise ValueError("a choice is given twice")
        if not self.has(self.default):
            raise ValueError(
                f"default {self.default!r} is none of the choices {list(self.choices)}"
            )
        return self

    @property
    def ordered(self) -> bool:
        """Whether its choices are numbers, in the order that they are written in."""
        return all(isinstance(c, int | float) and not isinstance(c, bool) for c in self.choices)

    def has(self, value: object) -> bool:
        """Whether `value` is a choice, type included: True is not 1."""
        try:
            return (type(value), value) in self._known
        except TypeError:  # a list or an object, which has no hash
            return False

    def meant(self, value: object) -> object:
        """The one choice that equals `value`, which may be a number of another library, or 8.0 for
        8; else `value`. True is not 1, and no text is a number.
        """
        if self.has(value):
            return value
        same = [choice for choice in self.choices if _equal(choice, value)]
        return same[0] if len(same) == 1 else value

    @cached_property
    def _known(self) -> frozenset[tuple[type, object]]:
        return frozenset((type(c), c) for c in self.choices)


class SearchSpace(RootModel[dict[str, Parameter]]):
    """Parameters by name."""

    model_config = {"frozen": True}

    @model_validator(mode="after")
    def _limits_hold(self) -> Self:
        for name, parameter in self.root.items():
            for other in (name, *parameter.limit.times) if parameter.limit else ():
                if other not in self.root or not self.root[other].ordered:
                    raise ValueError(
                        f"{name}: limit: '{other}' is no parameter with numbers for choices"
                    )
        if broken := self.broken(self.default):
            raise ValueError(f"the default breaks a limit: {broken[0]}")
        return self

    @property
    def default(self) -> Configuration:
        """What people use when they tune nothing."""
        return {name: p.default for name, p in self.root.items()}

    @cached_property
    def size(self) -> int:
        """The number of configurations."""
        if not any(p.limit for p in self.root.values()):
            return math.prod(len(p.choices) for p in self.root.values())
        return sum(1 for _ in self.grid())

    def grid(self) -> Iterator[Configuration]:
        """Every configuration, in the order of the file."""
        for values in itertools.product(*(p.choices for p in self.root.values())):
            if not self.broken(configuration := dict(zip(self.root, values, strict=True))):
                yield configuration

    @cached_property
    def by_key(self) -> Mapping[str, Configuration]:
        """Every configuration by its key, in the order of the file; for spaces that are small."""
        return {key_of(configuration): configuration for configuration in self.grid()}

    def sample(self, rng: random.Random) -> Configuration:
        """A configuration drawn uniformly."""
        while self.broken(
            configuration := {name: rng.choice(p.choices) for name, p in self.root.items()}
        ):
            pass
        return configuration

    def broken(self, values: Configuration) -> list[str]:
        """The limits that values of all parameters break, in words; empty for a configuration."""
        return [
            f"{limit_in_words(name, limit)}, not {product:g}"
            for name, limit in self._limits
            if (product := math.prod(float(values[n]) for n in (name, *limit.times)))
            > limit.at_most
        ]

    @cached_property
    def _limits(self) -> list[tuple[str, Limit]]:
        return [(name, p.limit) for name, p in self.root.items() if p.limit]

    def meant(self, proposal: object) -> object:
        """A proposal with the choices that its values equal in their places, in a mapping of its
        own; what is no mapping as it is.
        """
        if not isinstance(proposal, Mapping):
            return proposal
        known = self.root
        return {n: known[n].meant(v) if n in known else v for n, v in proposal.items()}

    def holds(self, proposal: object) -> TypeGuard[Configuration]:
        """Whether a proposal is a configuration of the space."""
        return not self.problems(proposal)

    def problems(self, proposal: object) -> list[str]:
        """What keeps `proposal` from being a configuration; empty when nothing does. Values are
        never converted.
        """
        if not isinstance(proposal, Mapping):
            return [f"the action must be an object with the keys {', '.join(self.root)}"]
        if proposal.keys() == self.root.keys() and all(
            p.has(proposal[name]) for name, p in self.root.items()
        ):
            return self.broken(proposal)
        missing = [f"{name}: missing" for name in self.root if name not in proposal]
        unknown = [
            f"{name}: not a parameter"
            for name in sorted(map(str, proposal))
            if name not in self.root
        ]
        wrong = [
            f"{name}: {proposal[name]!r} is none of {list(p.choices)}"
            for name, p in self.root.items()
            if name in proposal and not p.has(proposal[name])
        ]
        return missing + unknown + wrong


def plain(value: object) -> object:
    """A scalar of a numerical library, such as np.int64(8), as Python's own; all else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


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


def limit_in_words(name: str, limit: Limit) -> str:
    """A parameter's limit as a sentence."""
    return f"{' x '.join((name, *limit.times))} is at most {limit.at_most}: {limit.why}"


def key_of(configuration: Configuration) -> str:
    """Equal configurations give equal keys, whatever their order; 1, 1.0 and True are three
    different values.
    """
    return _key(*configuration, *configuration.values())


@lru_cache(maxsize=2**16, typed=True)
def _key(*names_and_values: Scalar) -> str:
    """All names, then their values: a study asks for the same keys again and again."""
    middle = len(names_and_values) // 2
    return _ENCODER.encode(
        dict(zip(names_and_values[:middle], names_and_values[middle:], strict=True))
    )
