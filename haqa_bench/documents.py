"""Files that people write, read once and checked at the door.

YAML is read as YAML 1.2 (`no` is a string, `1e-5` a number), safely, and never trusted: aliases may
not expand into more than `MAX_VALUES` values, unknown keys are refused with the nearest known one,
and every fault names its line.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rfc8785
from pydantic import BaseModel, ConfigDict, ValidationError

from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from ruamel.yaml import YAML

Doc = TypeVar("Doc", bound=BaseModel)
JsonObject = dict[str, Any]
"""A JSON object as it was read, or as it will be written: whoever uses a value checks it."""
MAX_BYTES = 2_000_000
MAX_VALUES = 100_000


class Document(BaseModel):
    """A frozen value read from a file. Unknown keys are refused, types are not bent."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def canonical(value: Any) -> bytes:
    """RFC 8785 canonical JSON: equal values give equal bytes."""
    return rfc8785.dumps(value)


def sha256(value: Any) -> str:
    """The hash, in hex, of a value's canonical JSON (or of bytes as they are)."""
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()


def check_format(where: object, card: Mapping[str, object], newest: int) -> None:
    """Raises HaqaError for a file whose card says a format that this version does not know yet.

    What has no number is of the first format.
    """
    found = card.get("format", 1)
    if not isinstance(found, int) or found > newest:
        what = f"is of format {found}, and this version knows none above {newest}"
        raise HaqaError(where, what, "Read it with a newer haqa-bench")


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or one clear line."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise HaqaError(path, error.strerror or str(error), "Check the path") from None


def read_yaml(path: Path, kind: type[Doc]) -> Doc:
    """The YAML file at `path` as a `kind`.

    Raises:
        HaqaError: unreadable, not YAML, too large when expanded, or not of that kind; names file
        and line.
    """
    text = read_bytes(path)
    if len(text) > MAX_BYTES:
        raise HaqaError(path, f"{len(text):,} bytes is more than the {MAX_BYTES:,} allowed")
    try:
        return kind.model_validate_json(json.dumps(_load(path, text)))
    except ValidationError as error:
        raise _explained(path, error, kind, _yaml().compose(text)) from None


def _yaml() -> "YAML":
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True)


def _load(path: Path, text: bytes) -> Any:
    from ruamel.yaml.error import YAMLError

    yaml = _yaml()
    try:
        node = yaml.compose(text)
        if _values(node, {}) > MAX_VALUES:
            raise HaqaError(
                path,
                f"its aliases expand into more than {MAX_VALUES:,} values (a YAML bomb?)",
                "Remove them",
            )
        # Built from the node, which it changes: merged keys move into the mappings that take them.
        return None if node is None else yaml.constructor.construct_document(node)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        raise HaqaError(
            where, f"not YAML: {getattr(error, 'problem', None) or error}".splitlines()[0]
        ) from None
    except (ValueError, RecursionError) as error:
        raise HaqaError(
            path, f"not YAML: {type(error).__name__}: {str(error).splitlines()[0]}"
        ) from None


def _values(node: Any, seen: dict[int, int]) -> int:
    """How many values a node stands for once its aliases are expanded."""
    if node is None or isinstance(node.value, str):
        return 1
    if id(node) not in seen:
        seen[id(node)] = MAX_VALUES + 1  # what an alias to its own ancestor counts
        children = (
            [child for pair in node.value for child in pair] if node.id == "mapping" else node.value
        )
        seen[id(node)] = 1 + sum(_values(child, seen) for child in children)
    return seen[id(node)]


def _explained(path: Path, error: ValidationError, kind: type[BaseModel], node: Any) -> HaqaError:
    """The first fault of a validation in one line: file, line, place, what is wrong."""
    first, *others = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    place, what = _in_file(node, first["loc"]), first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = _known_keys(kind.model_json_schema(), place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, 1, 0.5)
        what = "unknown key; " + (
            f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        )
    others = [
        e for e in others if _in_file(node, e["loc"]) != place[: len(_in_file(node, e["loc"]))]
    ]  # pydantic faults the list around a faulty entry too
    more = f" (and {len(others)} more)" if others else ""
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
    return [key for part in here for key in part.get("properties", {})]


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
