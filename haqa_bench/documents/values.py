"""Values that are read from files, and their hashes."""

import hashlib
from typing import Any

import rfc8785
from pydantic import BaseModel, ConfigDict

from haqa_bench.errors import HaqaError

JsonObject = dict[str, Any]
"""A JSON object as it was read, or as it will be written: whoever uses a value checks it."""


class Document(BaseModel):
    """A frozen value read from a file. Unknown keys are refused, types are not bent, and numbers
    are finite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def canonical(value: Any) -> bytes:
    """RFC 8785 canonical JSON: equal values give equal bytes.

    Raises:
        HaqaError: a number is not finite, or a whole one beyond 2^53; or a text is not Unicode.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        what = f"has no canonical JSON: {str(error) or type(error).__name__}".splitlines()[0]
        raise HaqaError("a value that is hashed", what, "Take it out of the file") from None


def sha256(value: Any) -> str:
    """The hash, in hex, of a value's canonical JSON (or of bytes as they are)."""
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()
