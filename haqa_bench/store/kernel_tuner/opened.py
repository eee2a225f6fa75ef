"""A file of another tuner as JSON: compressed or not, and closed where a tuning was stopped."""

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from haqa_bench.documents import JsonObject, read_bytes, sha256
from haqa_bench.errors import HaqaError

GZIP = b"\x1f\x8b"
MOST_BYTES = 2**29
"""Of a file, unpacked."""
CLOSING = ("}}", "}\n}")
"""How Kernel Tuner ends a cache; it leaves this out until a tuning ends."""
NAME_ONE = "Name a Kernel Tuner cache or T4 results"

Read = TypeVar("Read", bound=BaseModel)


class Foreign(BaseModel):
    """A value of somebody else's file. What is not ours to know is left alone, types are not
    bent.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


def opened(path: Path) -> tuple[JsonObject, str]:
    """The JSON object in a file, and the SHA-256 of the file as it lies there.

    Raises:
        HaqaError: it is missing, too large, damaged, or no JSON object.
    """
    data = read_bytes(path)
    return _parsed(path, unpacked(path, data)), sha256(data)


def checked(path: Path, kind: type[Read], found: object) -> Read:
    """What was read, as a `kind`.

    Raises:
        HaqaError: it is none; names the entry and the field.
    """
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise HaqaError(path, f"{place(first['loc'])}: {first['msg']}") from None


def place(steps: Sequence[int | str]) -> str:
    """('cache', '32,1', 'times', 2) as cache['32,1'].times[2]."""
    told = ""
    for step in steps:
        named = isinstance(step, str) and step.isidentifier()
        told += f".{step}" if named else f"[{step!r}]"
    return told.lstrip(".") or "file"


def unpacked(path: Path, data: bytes) -> bytes:
    """A file's bytes, without the gzip around them.

    Raises:
        HaqaError: it is damaged, or holds more than MOST_BYTES.
    """
    if not data.startswith(GZIP):
        found = data[: MOST_BYTES + 1]
    else:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                found = packed.read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise HaqaError(path, f"damaged gzip: {error}", "Fetch it again") from None
    if len(found) > MOST_BYTES:
        raise HaqaError(path, f"holds more than {MOST_BYTES / 1e6:,.0f} MB", NAME_ONE)
    return found


def _parsed(path: Path, data: bytes) -> JsonObject:
    try:
        found = _loaded(data.decode("utf-8-sig"))
    except RecursionError:
        raise HaqaError(path, "not JSON: too deep", NAME_ONE) from None
    except ValueError as error:
        what = f"not JSON: {str(error).splitlines()[0]}"
        raise HaqaError(path, what, f"{NAME_ONE}; one that is cut has to be closed") from None
    if not isinstance(found, dict):
        raise HaqaError(path, "neither a Kernel Tuner cache nor T4 results", NAME_ONE)
    return found


def _loaded(text: str) -> object:
    """The JSON of a file; of a cache that a stopped tuning left open, with its end put on."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        stopped = text.rstrip()
        if '"cache"' not in stopped or stopped.endswith(CLOSING):
            raise
        return json.loads(stopped.removesuffix(",") + CLOSING[0], object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r} is given twice")
    return found
