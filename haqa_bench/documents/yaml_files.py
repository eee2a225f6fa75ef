"""YAML that people write, read as YAML 1.2 (`no` is a string, `1e-5` a number), and never trusted.

Its numbers are finite, and whole ones within 2^53, beyond which a double has gaps; there are no
tags, dates, sets or bytes. Aliases may not expand into more than MAX_VALUES values.
"""

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from haqa_bench.documents.faults import explained
from haqa_bench.documents.json_files import MAX_DEPTH
from haqa_bench.documents.texts import decoded, read_bytes
from haqa_bench.errors import HaqaError

Doc = TypeVar("Doc", bound=BaseModel)
MAX_BYTES = 200_000
_OPENED = re.compile(rf"(?:[\[{{]\s*){{{MAX_DEPTH + 1}}}")
"""What the parser looks at for a second before it says so."""


def read_yaml(path: Path, kind: type[Doc]) -> Doc:
    """The YAML file at `path` as a `kind`.

    Raises:
        HaqaError: unreadable, not YAML, too large or when expanded so, or not of that kind; names
        file and line.
    """
    data = read_bytes(path)
    if len(data) > MAX_BYTES:
        what = f"{len(data):,} bytes is more than the {MAX_BYTES:,} that a YAML file may have"
        raise HaqaError(path, what, "Split it, or leave out what is not needed")
    node, value = _load(path, decoded(path, data))
    try:
        return kind.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise explained(path, error, kind, node) from None


def read_value(where: str, text: str) -> object:
    """What stands for a value in a suite, read in the same way.

    Raises:
        HaqaError: it is not YAML, or not what JSON has.
    """
    return _load(where, text)[1]


def _load(path: Path | str, text: str) -> tuple[Any, Any]:
    """The file's nodes, which know their lines, and its value."""
    from ruamel.yaml.error import YAMLError

    from haqa_bench.documents.plain_yaml import DEEP, MAX_VALUES, Reader, Refused

    if run := _OPENED.search(text):
        raise HaqaError(f"{path}:{text.count(chr(10), 0, run.start()) + 1}", DEEP)
    yaml = Reader()
    try:
        node = yaml.compose(text)
        if _values(node, {}, MAX_VALUES) > MAX_VALUES:
            what = f"its aliases expand into more than {MAX_VALUES:,} values (a YAML bomb?)"
            raise HaqaError(path, what, "Remove them")
        # Built from the node, which it changes: merged keys move into the mappings that take them.
        return node, None if node is None else yaml.constructor.construct_document(node)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        what = str(getattr(error, "problem", None) or error).splitlines()[0][:200]
        raise HaqaError(
            where, what if isinstance(error, Refused) else f"not YAML: {what}"
        ) from None


def _values(node: Any, seen: dict[int, int], most: int) -> int:
    """How many values a node stands for once its aliases are expanded."""
    if node is None or isinstance(node.value, str):
        return 1
    if id(node) not in seen:
        seen[id(node)] = most + 1  # what an alias to its own ancestor counts
        children = (
            [child for pair in node.value for child in pair] if node.id == "mapping" else node.value
        )
        seen[id(node)] = 1 + sum(_values(child, seen, most) for child in children)
    return seen[id(node)]
