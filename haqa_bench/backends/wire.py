"""Frozen dataclasses as JSON and back, checked: what crosses the border of a process.

Not pydantic's, which takes a tenth of a second to import, in every worker. Types are not bent, but
that a whole number will do for a float. Known are str, int, float, bool, None, enums of strings,
Literal, Mapping[str, X], tuple[X, ...], tuple[X, Y], unions of those, and dataclasses.
"""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
KIND = "kind"
ATOMS = (str, int, bool, type(None))


class Mismatch(ValueError):
    """A value is not of the kind that is wanted here: where, and what is wrong."""


def dump(value: object) -> str:
    """A dataclass as one line of JSON, with the name of its class."""
    return json.dumps({KIND: type(value).__name__, **vars(value)}, default=vars)


def load(text: str, *kinds: type[T]) -> T:
    """What `dump` wrote of a value of one of `kinds`.

    Raises:
        Mismatch: it is none of them.
    """
    try:
        found = json.loads(text)
    except ValueError as fault:
        raise Mismatch(f"not JSON: {fault}") from None
    name = found.pop(KIND, None) if isinstance(found, dict) else None
    for kind in kinds:
        if kind.__name__ == name:
            return build(kind, found)
    raise Mismatch(f"is no {' or '.join(kind.__name__ for kind in kinds)}")


def build(kind: type[T], given: Mapping[str, object], where: str = "") -> T:
    """A dataclass of values as JSON has them.

    Raises:
        Mismatch: a field is missing, unknown or of another type.
    """
    hints, needed = _fields(kind)  # type: ignore[arg-type]  # mypy doubts that a class is hashable
    if lacking := sorted(needed - given.keys()):
        raise Mismatch(f"{where}{lacking[0]}: is missing")
    if unknown := sorted(given.keys() - hints.keys()):
        raise Mismatch(f"{where}{unknown[0]}: unknown to {kind.__name__}")
    return kind(**{name: _checked(hints[name], x, f"{where}{name}") for name, x in given.items()})


@cache
def _fields(kind: type) -> tuple[Mapping[str, object], frozenset[str]]:
    """The types of a dataclass's fields, and the names of those without a default."""
    hints = get_type_hints(kind)
    made = [f for f in fields(kind) if f.init]
    needed = {f.name for f in made if f.default is MISSING and f.default_factory is MISSING}
    return {f.name: hints[f.name] for f in made}, frozenset(needed)


def _checked(hint: object, value: object, where: str) -> object:
    """The value as its type has it: lists as tuples, objects as dataclasses."""
    if type(value) in ATOMS and type(value) is hint:
        return value
    if hint is float and type(value) in (int, float):
        return float(value)  # type: ignore[arg-type]  # it is one of both
    return SHAPES.get(get_origin(hint) or hint, _as_class)(hint, value, where)


def _as_literal(hint: object, value: object, where: str) -> object:
    if any(value == known and type(value) is type(known) for known in get_args(hint)):
        return value
    raise Mismatch(f"{where}: {value!r} is none of {', '.join(map(repr, get_args(hint)))}")


def _as_tuple(hint: object, value: object, where: str) -> object:
    inner = get_args(hint)
    if not isinstance(value, list | tuple):
        raise Mismatch(f"{where}: is no list")
    if inner[-1] is not Ellipsis:
        if len(inner) != len(value):
            raise Mismatch(f"{where}: has {len(value)} values, not {len(inner)}")
        return tuple(_checked(kind, x, where) for kind, x in zip(inner, value, strict=True))
    if set(map(type, value)) <= {inner[0]} & set(ATOMS):  # many at once: they may be millions
        return tuple(value)
    return tuple(_checked(inner[0], x, f"{where}[{i}]") for i, x in enumerate(value))


def _as_mapping(hint: object, value: object, where: str) -> object:
    if not isinstance(value, Mapping):
        raise Mismatch(f"{where}: is no object")
    kind = get_args(hint)[1]
    return {str(name): _checked(kind, x, f"{where}.{name}") for name, x in value.items()}


def _as_one_of(hint: object, value: object, where: str) -> object:
    for kind in get_args(hint):
        try:
            return _checked(kind, value, where)
        except Mismatch as fault:
            last = fault
    raise last


def _as_class(hint: object, value: object, where: str) -> object:
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, hint):
        return value
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, Mapping):
        return build(hint, value, f"{where}.")
    if isinstance(hint, type) and issubclass(hint, StrEnum) and value in list(hint):
        return hint(str(value))
    raise Mismatch(f"{where}: {value!r} is no {getattr(hint, '__name__', hint)}")


SHAPES: Mapping[object, Callable[[object, object, str], object]] = {
    Literal: _as_literal,
    tuple: _as_tuple,
    Mapping: _as_mapping,
    Union: _as_one_of,
    types.UnionType: _as_one_of,
}
