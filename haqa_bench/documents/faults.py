"""Tells what is wrong with a YAML file that is not of the form that was wanted: line and place."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from haqa_bench.documents.values import JsonObject
from haqa_bench.errors import HaqaError

MOST_COUNTED = 100
"""Faults that are looked at to tell how many there are; a file may have one at each value."""


def explained(path: Path, error: ValidationError, kind: type[BaseModel], node: Any) -> HaqaError:
    """The first fault of a validation in one line: file, line, place, what is wrong."""
    first, *others = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    place, what = _in_file(node, first["loc"]), first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = _known_keys(kind.model_json_schema(), place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, 1, 0.5)
        what = "unknown key; " + (
            f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        )
    more = "" if len(others) <= MOST_COUNTED else f" (and more than {MOST_COUNTED} more)"
    others = (
        []
        if more
        else [
            e for e in others if _in_file(node, e["loc"]) != place[: len(_in_file(node, e["loc"]))]
        ]
    )  # pydantic faults the list around a faulty entry too
    more = f" (and {len(others)} more)" if others else more
    return HaqaError(f"{path}:{_line(node, place)}", f"{_dotted(place) or 'file'}: {what}{more}")


def _known_keys(schema: JsonObject, place: Sequence[int | str]) -> list[str]:
    """The keys that a JSON schema allows at `place`."""
    here = _options(schema, schema)
    for step in place:
        inner = [
            part.get("properties", {}).get(step)
            or part.get("items")
            or part.get("additionalProperties")
            for part in here
        ]
        here = [
            option for part in inner if isinstance(part, dict) for option in _options(schema, part)
        ]
    return list(dict.fromkeys(key for part in here for key in part.get("properties", {})))


def _options(schema: JsonObject, part: JsonObject) -> list[JsonObject]:
    """The schemas that a part of `schema` stands for, references followed."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
    choices = part.get("anyOf") or part.get("oneOf")
    return (
        [option for choice in choices for option in _options(schema, choice)] if choices else [part]
    )


def _in_file(node: Any, place: Sequence[int | str]) -> tuple[int | str, ...]:
    """A place without the steps that are pydantic's own, such as a union's branch; the last one
    stays, since it may be what is missing, unless it is a tag of ours, such as <list>.
    """
    kept: list[int | str] = []
    for number, step in enumerate(place):
        inside = _child(node, step)
        of_union = number > 0 and isinstance(place[number - 1], int) and step in _values_of(node)
        of_union = of_union or str(step).startswith("<")
        if inside is None and (number < len(place) - 1 or of_union):
            continue
        kept.append(step)
        node = inside
    return tuple(kept)


def _values_of(node: Any) -> set[str]:
    """What stands behind the keys of a mapping: a discriminated union's branch is one of them."""
    if node is None or isinstance(node.value, str) or node.id != "mapping":
        return set()
    return {value.value for _, value in node.value if isinstance(value.value, str)}


def _child(node: Any, step: int | str) -> Any:
    if node is None or isinstance(node.value, str):
        return None
    if node.id == "mapping":
        return next((value for key, value in node.value if key.value == str(step)), None)
    return node.value[step] if isinstance(step, int) and step < len(node.value) else None


def _line(node: Any, place: Sequence[int | str]) -> int:
    """The line, from 1, of the deepest part of `place` that the file has."""
    line: int = node.start_mark.line + 1 if node else 1
    for step in place:
        if node is None or isinstance(node.value, str):
            break
        if node.id == "mapping":
            pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if pair is None:
                continue  # a step of pydantic's own, such as a union's branch, or a merged key
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _dotted(place: Sequence[int | str]) -> str:
    """('cells', 2, 'budget') as cells[2].budget."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
