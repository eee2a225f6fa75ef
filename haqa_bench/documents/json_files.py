"""JSON that somebody else wrote: read once, carefully.

Python's own reader takes NaN, makes infinity of 1e999, keeps the last of two equal keys, and ends
in a RecursionError where values are nested. None of that is JSON that we write (RFC 8259, I-JSON).
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from haqa_bench.documents.texts import MAX_BYTES, decoded, read_bytes
from haqa_bench.documents.values import JsonObject
from haqa_bench.errors import HaqaError

Kind = TypeVar("Kind", bound=BaseModel)
MAX_DEPTH = 100
"""How deep lists and objects may be nested."""
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def read_json(path: Path, kind: type[Kind], todo: str = "Restore the file") -> Kind:
    """The JSON file at `path` as a `kind`.

    Raises:
        HaqaError: unreadable, not JSON, or not of that kind.
    """
    data = read_bytes(path)
    parse_json(path, data, todo)
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise HaqaError(path, f"{place or 'file'}: {first['msg']}", todo) from None


def parse_json(where: object, data: bytes | str, todo: str = "", finite: bool = True) -> Any:
    """The value that JSON text stands for; without `finite`, with NaN and infinities.

    Raises:
        HaqaError: too large, not UTF-8, not JSON, nested too deeply, a key given twice, a number
        that is not finite; names `where`.
    """
    if len(data) > MAX_BYTES:
        raise HaqaError(where, f"is larger than the {MAX_BYTES:,} bytes allowed", todo)
    text = decoded(where, data) if isinstance(data, bytes) else data
    try:
        if _depth(text) > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH}")
        if not finite:
            return json.loads(text, object_pairs_hook=_once)
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise HaqaError(where, what, todo) from None
    except (ValueError, RecursionError) as error:
        raise HaqaError(where, f"not JSON that is read: {error}", todo) from None


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0  # it cannot be deep; looked at no further, since most are so
    deepest = depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _once(pairs: Sequence[tuple[str, Any]]) -> JsonObject:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return made


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number
