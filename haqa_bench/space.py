"""The search space of a cell: named parameters, each with a list of choices, a range, or a source.

Where all are lists, the space is finite: a cell can be measured once in full, and regret counts
from the best of it. A range has no such optimum. Limits cut a space down (haqa_bench.limits); where
no rule says what is left of it, as of somebody else's measurements with holes, `configurations`
lists it, or says `recorded`: what the cell's own response table holds.
"""

import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self, TypeGuard

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    PrivateAttr,
    RootModel,
    SerializerFunctionWrapHandler,
    Tag,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from haqa_bench.documents import Document, read_bytes
from haqa_bench.errors import HaqaError
from haqa_bench.limits import Limit
from haqa_bench.listed import Listing, Row
from haqa_bench.listed import Scalar as Scalar  # a space's too
from haqa_bench.parameters import MOST, Choices, Code, FloatRange, IntRange, Parameter
from haqa_bench.parameters.code import keyed

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
Configuration = Mapping[str, Scalar]
Listed = tuple[Row | dict[str, Scalar], ...]
"""Configurations as a suite or a file lists them: by their values, or by names."""
LISTED = "configurations"
RECORDED = "recorded"
"""Says under `configurations` that those exist that the cell's response table holds."""
HOLES = 30
"""How many combinations that do not exist are named."""
REDRAWS = 10_000
"""After so many draws that break a limit, one of all configurations is drawn, where they can be
listed."""


SMALL = 100_000
"""Of a space with ranges, as many combinations of rounded values can be listed, where draws do not
do."""


class Pinned(Document):
    """The response table whose configurations are those that exist: its hash, and how many."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    count: int = Field(ge=1, le=MOST)


KINDS = {"choices": Choices, "int": IntRange, "float": FloatRange, "code": Code}
"""What a file gives the values of a parameter under."""


def _kind(value: object) -> str:
    """What stands under a key of a space, as a tag that no key of a file can be taken for."""
    if isinstance(value, list | tuple | str | Listing):
        return "<list>"
    if isinstance(value, Pinned) or (isinstance(value, dict) and "sha256" in value):
        return "<table>"
    if isinstance(value, dict):
        given = [key for key in KINDS if key in value]
        return f"<{given[0]}>" if len(given) == 1 else "<unclear>"
    return next((f"<{key}>" for key, kind in KINDS.items() if isinstance(value, kind)), "<choices>")


def _unclear(_: object) -> NoReturn:
    raise ValueError(f"a parameter has a default, and one of {', '.join(KINDS)}")


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Held = Parameter
else:  # what is listed is taken out of the parameters as soon as it is read
    _Held = Annotated[
        Annotated[Choices, Tag("<choices>")]
        | Annotated[IntRange, Tag("<int>")]
        | Annotated[FloatRange, Tag("<float>")]
        | Annotated[Code, Tag("<code>")]
        | Annotated[Listed | str, Tag("<list>")]
        | Annotated[Pinned, Tag("<table>")]
        | Annotated[SkipJsonSchema[Annotated[Any, PlainValidator(_unclear)]], Tag("<unclear>")],
        Discriminator(_kind),
    ]


class SearchSpace(RootModel[dict[str, _Held]]):
    """Parameters by name; and under `configurations` those combinations that exist, where not all
    do: a list, a JSON file of one, or `recorded`.
    """

    model_config = {"frozen": True}
    _listed: Listing | Pinned | str | None = PrivateAttr(None)
    _held: Listing | None = PrivateAttr(None)
    """What a pinned table holds, where it has been read."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        listed = self._taken_out()
        if listed is not None and not self.finite:
            names = ", ".join(name for name, p in self.root.items() if not p.finite)
            raise ValueError(
                f"{LISTED}: not in a space with {self.endless} ({names}): give choices"
            )
        if len(codes := [name for name, p in self.root.items() if isinstance(p, Code)]) > 1:
            raise ValueError(f"{codes[1]}: a space has one source at most, and {codes[0]} is one")
        for name, limit in self._limits:
            self._check_limit(name, limit)
        if listed is not None:  # pydantic comes here again with a space that was read before
            self._listed = self._rows(listed) if isinstance(listed, tuple) else listed
        if broken := self.broken(self.default):
            raise ValueError(f"the default breaks a limit: {broken[0]}")
        return self

    def _check_limit(self, name: str, limit: Limit) -> None:
        """Raises ValueError where a limit speaks of what no parameter is, or has."""
        for other in (name, *limit.others()):
            if other not in self.root or not self.root[other].ordered:
                raise ValueError(
                    f"{name}: limit: '{other}' is no parameter with numbers for choices"
                )
        for other, values in limit.when.items():
            if not isinstance(self.root.get(other), Choices):
                raise ValueError(f"{name}: limit: when: '{other}' is no parameter with choices")
            if unknown := [value for value in values if not self.root[other].has(value)]:
                raise ValueError(f"{name}: limit: when: {other} has no choice {unknown[0]!r}")

    @model_serializer(mode="wrap")
    def _with_list(self, handler: SerializerFunctionWrapHandler) -> Mapping[str, object]:
        found: dict[str, object] = handler(self)
        if self._listed is None:
            return found
        listed = self._listed.model_dump() if isinstance(self._listed, Pinned) else self._listed
        return {**found, LISTED: listed if isinstance(listed, dict | str) else tuple(listed)}

    def _taken_out(self) -> Listed | Pinned | str | None:
        """What is listed, which is no parameter."""
        held: dict[str, Parameter | Listed | Pinned | str] = {**self.root}
        for name, found in held.items():
            if not isinstance(found, Parameter):
                if name != LISTED:
                    what = f"is no parameter, which has one of {', '.join(KINDS)}, and a default"
                    raise ValueError(f"{name}: {what}")
                del self.root[name]
                return found
        return None

    def _rows(self, listed: Listed) -> Listing:
        rows = (self._row(number, one) for number, one in enumerate(listed))
        found = Listing.of(self.choices, rows)
        if found.twice:
            raise ValueError(f"{LISTED}: a configuration is given twice")
        return found

    def _row(self, number: int, given: Row | dict[str, Scalar]) -> Row:
        """The values of a configuration that is listed."""
        if not isinstance(given, dict) and len(given) != len(self.root):
            raise ValueError(f"{LISTED}[{number}]: has {len(given)} values, not {len(self.root)}")
        found = given if isinstance(given, dict) else dict(zip(self.root, given, strict=True))
        if problems := self.problems(found):
            raise ValueError(f"{LISTED}[{number}]: {problems[0]}")
        return tuple(found[name] for name in self.root)

    def read_list(self, folder: Path) -> "SearchSpace":
        """This space with the configurations that a file lists, where it names one, relative to
        `folder`.

        Raises:
            HaqaError: the file is missing, or lists what is no configuration.
        """
        if not isinstance(self._listed, str) or self.recorded:
            return self
        path = folder / self._listed
        try:
            found = TypeAdapter(Listed).validate_json(read_bytes(path), strict=True)
            return SearchSpace.model_validate({**self.root, LISTED: found})
        except ValidationError as error:
            first = error.errors()[0]
            told = "".join(f"[{step!r}]" for step in first["loc"] if not _is_tag(step))
            what = f"{told}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")
            raise HaqaError(path, what, f"List {LISTED} as JSON") from None

    @property
    def recorded(self) -> bool:
        """Whether those configurations exist that the cell's response table holds."""
        return self._listed == RECORDED or isinstance(self._listed, Pinned)

    @property
    def pin(self) -> Pinned | None:
        """The response table that says which configurations exist, once it is known."""
        return self._listed if isinstance(self._listed, Pinned) else None

    def holding(self, pin: Pinned, codes: "NDArray[np.unsignedinteger]") -> "SearchSpace":
        """This space with what a response table holds; `codes` as Listing has them.

        Raises:
            ValueError: a configuration breaks a limit or is there twice, or the default is none.
        """
        found = SearchSpace.model_validate(dict(self.root))
        listing = Listing(self.choices, codes)
        if listing.twice:
            raise ValueError(f"{LISTED}: a configuration is given twice")
        for row in listing if self._limits else ():
            if broken := found.broken(dict(zip(self.root, row, strict=True))):
                raise ValueError(f"{LISTED}: {row} breaks a limit: {broken[0]}")
        found._listed, found._held = pin, listing
        if broken := found.broken(self.default):
            raise ValueError(f"the default breaks a limit: {broken[0]}")
        return found

    @property
    def finite(self) -> bool:
        """Whether it is choices alone, so that all of it can be listed and measured."""
        return all(parameter.finite for parameter in self.root.values())

    @property
    def endless(self) -> str:
        """What keeps it from being listed, in words: a range, a source, or both; empty where it is
        finite.
        """
        ranges = any(not p.finite for name, p in self.root.items() if name != self.code)
        kinds = ["a range"] * ranges + ["a source that has no list of values"] * bool(self.code)
        return " and ".join(kinds)

    @property
    def code(self) -> str | None:
        """The name of the parameter that is a source, where there is one."""
        return next((name for name, p in self.root.items() if isinstance(p, Code)), None)

    @property
    def held(self) -> "SearchSpace":
        """This space without its source: what all see that may not rewrite it."""
        return self if self.code is None else self._held_apart

    @cached_property
    def _held_apart(self) -> "SearchSpace":
        return SearchSpace.model_validate({n: p for n, p in self.root.items() if n != self.code})

    @property
    def listable(self) -> Mapping[str, Choices]:
        """Its parameters, where it is finite.

        Raises:
            HaqaError: one is a range.
        """
        found = {name: p for name, p in self.root.items() if isinstance(p, Choices)}
        if len(found) < len(self.root):
            name = next(name for name in self.root if name not in found)
            kind = "a source" if name == self.code else "a range"
            what = f"{name} is {kind}, which has no list of values"
            raise HaqaError("the search space", what, "Give its choices")
        return found

    @property
    def choices(self) -> list[tuple[Scalar, ...]]:
        """Those of each parameter, in their order.

        Raises:
            HaqaError: one is a range.
        """
        return [p.choices for p in self.listable.values()]

    @property
    def listing(self) -> Listing | None:
        """The configurations that exist, where they are listed and known."""
        return self._listed if isinstance(self._listed, Listing) else self._held

    @property
    def default(self) -> Configuration:
        """What people use when they tune nothing."""
        return {name: p.default for name, p in self.root.items()}

    @cached_property
    def size(self) -> int:
        """The number of configurations; of ranges, as they are rounded, before any limit."""
        if isinstance(self._listed, Pinned):
            return self._listed.count
        if self.listing is not None:
            return len(self.listing)
        if not self._limits or not self.finite:
            return self._combinations
        return sum(1 for _ in self.grid())

    @property
    def extent(self) -> str:
        """How many configurations there are, in words."""
        if self.code:
            return f"{self.held.extent} of each source"
        if self.finite:
            return f"{self.size} configurations"
        return f"{self.size:.1e} configurations as numbers are rounded"

    def grid(self) -> Iterator[Configuration]:
        """Every configuration, in the order of the file.

        Raises:
            HaqaError: they are those of a response table that was not read, or there is a range.
        """
        if self.listing is not None:  # keeps the limits
            yield from (dict(zip(self.root, row, strict=True)) for row in self.listing)
            return
        if self.pin:
            what = "only its response table says which configurations exist"
            raise HaqaError("the search space", what, "Run the suite, whose table is read then")
        for values in itertools.product(*self.choices):
            if not self.broken(configuration := dict(zip(self.root, values, strict=True))):
                yield configuration

    @property
    def small(self) -> bool:
        """Whether `every` lists it."""
        return self.finite or self._combinations <= SMALL

    def every(self) -> Iterator[Configuration]:
        """Every configuration of a space that is small, ranges as they are rounded."""
        if self.finite:
            yield from self.grid()
            return
        for values in itertools.product(*(p.every() for p in self.root.values())):
            if not self.broken(configuration := dict(zip(self.root, values, strict=True))):
                yield configuration

    def codes(self) -> "NDArray[np.integer] | None":
        """Every configuration as Listing has it, in the order of `grid`; None where limits say
        which there are, or where there is a range.
        """
        import numpy as np

        if self.listing is not None:
            return self.listing.codes
        if self._limits or not self.finite:
            return None
        sizes = [len(of_one) for of_one in self.choices]
        return np.stack(np.unravel_index(np.arange(self._combinations), sizes), axis=1)

    @cached_property
    def by_key(self) -> Mapping[str, Configuration]:
        """Every configuration by its key, in the order of the file; for spaces that are small."""
        return {key_of(configuration): configuration for configuration in self.grid()}

    def sample(self, rng: random.Random) -> Configuration:
        """A configuration drawn uniformly, each parameter on its scale.

        Raises:
            HaqaError: limits leave next to nothing of a large space with ranges.
        """
        if self.listing is not None:
            return dict(zip(self.root, rng.choice(self.listing), strict=True))
        for _ in range(REDRAWS):
            drawn = {name: p.drawn(rng) for name, p in self.root.items()}
            if not self.broken(drawn):
                return drawn
        if not self.small:
            what = f"none of {REDRAWS} configurations that were drawn keeps the limits"
            raise HaqaError("the search space", what, "Loosen a limit, or narrow a range")
        return rng.choice(self._every)

    def broken(self, values: Configuration) -> list[str]:
        """The limits that values of all parameters break, in words; empty for a configuration."""
        said = [said for name, limit in self._limits for said in limit.broken(name, values)]
        if self.listing is not None:
            existing = tuple(values[name] for name in self.root) in self.listing
            said += [] if existing else [f"{self._in_words()}, and this is none of them"]
        return said

    @property
    def limits(self) -> list[str]:
        """What every configuration keeps beside its choices, as sentences."""
        said = [limit.in_words(name) for name, limit in self._limits]
        holes = [] if self.listing is None else self._holes(self.listing)
        whole = self.recorded and self.size == self._combinations
        cut = (self.listing is not None or self.pin) and not whole
        return [*said, self._in_words(), *holes] if cut else said

    def _in_words(self) -> str:
        return f"only {self.size} of the {self._combinations} combinations of choices exist"

    def _holes(self, listing: Listing) -> list[str]:
        """The combinations that do not exist, where they are few enough to be named."""
        if self._combinations - self.size > HOLES:
            return []
        return [
            "this combination does not exist: "
            + ", ".join(f"{n} {v}" for n, v in zip(self.root, row, strict=True))
            for row in listing.missing()
        ]

    @property
    def _combinations(self) -> int:
        return math.prod(p.size for p in self.root.values())

    @cached_property
    def _every(self) -> list[Configuration]:
        return list(self.every())

    @cached_property
    def _limits(self) -> list[tuple[str, Limit]]:
        return [(name, limit) for name, p in self.root.items() for limit in p.limits]

    def meant(self, proposal: object) -> object:
        """A proposal with the choices that its values equal in their places, in a mapping of its
        own; what is no mapping as it is.
        """
        if not isinstance(proposal, Mapping):
            return proposal
        known = self.root
        return {n: known[n].meant(v) if n in known else v for n, v in proposal.items()}

    def rounded(self, proposal: object) -> object:
        """A proposal whose numbers of ranges are rounded as those are, in a mapping of its own;
        what is a choice, and what is no mapping, as it is.
        """
        if not isinstance(proposal, Mapping):
            return proposal
        known = self.root
        return {n: known[n].rounded(v) if n in known else v for n, v in proposal.items()}

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
            f"{name}: {p.wrong(proposal[name])}"
            for name, p in self.root.items()
            if name in proposal and not p.has(proposal[name])
        ]
        return missing + unknown + wrong


def _is_tag(step: int | str) -> bool:
    return isinstance(step, str) and step.startswith("<")


def key_of(configuration: Configuration) -> str:
    """Equal configurations give equal keys, whatever their order; 1, 1.0 and True are three
    different values. Of a source it has the hash.
    """
    return _key(*configuration, *map(keyed, configuration.values()))


@lru_cache(maxsize=2**16, typed=True)
def _key(*names_and_values: Scalar) -> str:
    """All names, then their values: a study asks for the same keys again and again."""
    middle = len(names_and_values) // 2
    return _ENCODER.encode(
        dict(zip(names_and_values[:middle], names_and_values[middle:], strict=True))
    )
