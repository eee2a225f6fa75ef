"""Reads an agent's action out of an LLM's reply.

A reply should be one JSON object, `{"thought": ..., "action": {...}}`. What models wrap around it,
a `<think>` block, Markdown fences, prose, is passed over; the object itself is never mended. What
is accepted can be written as JSON and read back equal.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

LARGEST = 2**53 - 1
"""Integers beyond it are no JSON numbers that every reader takes; they stay words."""
DEEPEST = 32
FAILURES = 100
"""How many braces that begin no object are tried from the start of a reply, and as many from its
end: each may take as long as the reply is.
"""
_BEGIN = re.compile(r'\{(?=\s*["}])')
_THINKING = re.compile(r"(?s)<think>.*?(</think>|\Z)")


class Reply(NamedTuple):
    """`action` as the model gave it, unchecked, or None with the `problem`."""

    thought: str
    action: Any
    problem: str = ""


def read_reply(content: str, key: str = "action") -> Reply:
    """The last JSON object in `content` that has the `key`, whose value is the action."""
    text = _THINKING.sub("", content)
    if not text.strip():
        return Reply("", None, "the reply is empty")
    found = [o for o in _objects(text) if key in o]
    if not found:
        return Reply("", None, f'the reply holds no JSON object with the key "{key}"')
    if fault := _fault(found[-1]):
        return Reply("", None, f"the reply's JSON object {fault}")
    thought = found[-1].get("thought", "")
    return Reply(thought if isinstance(thought, str) else json.dumps(thought), found[-1][key])


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The outermost JSON objects in `text`, in order."""
    begins = [match.start() for match in _BEGIN.finditer(text)]
    number = end = failed = 0
    while number < len(begins):
        at, number = begins[number], number + 1
        if at < end:
            continue
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            failed += 1
            if failed == FAILURES:
                number = max(number, len(begins) - FAILURES)
            continue
        yield value


def _fault(value: object, depth: int = 0) -> str:
    """What keeps a JSON value from being written and read back; empty when nothing does."""
    if depth > DEEPEST:
        return f"nests deeper than {DEEPEST} levels"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return "holds half a character (a surrogate without its other half)"
    if isinstance(value, _Twice):
        return "gives a key twice"
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    faults = (_fault(v, depth + 1) for v in inner) if isinstance(inner, list) else ()
    return next(filter(None, faults), "")


class _Twice(dict[str, Any]):
    """An object that gives a key twice: which value is meant cannot be told."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Twice(found)


def _integer(digits: str) -> int | str:
    whole = int(digits) if len(digits) < 20 else LARGEST + 1
    return whole if abs(whole) <= LARGEST else digits


def _real(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


# Numbers that JSON cannot hold stay words, which no choice of a space is.
_DECODER = json.JSONDecoder(
    parse_constant=str, parse_int=_integer, parse_float=_real, object_pairs_hook=_object
)
