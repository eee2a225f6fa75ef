"""A parameter that is a program's source, such as a kernel's: no list holds its values, and only an
agent that may rewrite proposes another than the default.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from pydantic import ConfigDict, Field

from haqa_bench.documents import Document, JsonObject, sha256
from haqa_bench.listed import Scalar
from haqa_bench.parameters.parameter import Parameter

AS_IT_COMES = ""
"""Stands for the source that the program brings."""
LONGEST = 50_000
"""Bytes that a suite may allow: prompts hold a source whole."""
DIGITS = 8
"""Of a source's hash, in its name."""
HASHED = re.compile(rf"sha256:([0-9a-f]{{{DIGITS}}})[0-9a-f]{{{64 - DIGITS}}}")
"""A source in the key of a configuration."""


class SourceBounds(Document):
    """How long a source may be."""

    bytes: int = Field(ge=1, le=LONGEST, description="in UTF-8, of a source as it is kept")


class Code(Parameter):
    """A setting that is a source, which a file gives under `code`. Its value is a text: empty for
    the source as it comes, else the whole of another, normalised.

    A source is printable text of UTF-8 with tabs and newlines; it has no blanks at the end of a
    line, no empty lines at its end, and one final newline. `size` and `every` count what can be
    listed: the source as it comes.
    """

    model_config = ConfigDict(serialize_by_alias=True)
    default: Literal[""] = ""
    bounds: SourceBounds = Field(alias="code")

    @property
    def ordered(self) -> bool:
        """See Parameter."""
        return False

    @property
    def size(self) -> int:
        """See Parameter; of what can be listed."""
        return 1

    def has(self, value: object) -> bool:
        """See Parameter."""
        return isinstance(value, str) and value == self.meant(value) and not self._fault(value)

    def meant(self, value: object) -> object:
        """See Parameter: a source, normalised."""
        return normalised(value) if isinstance(value, str) else value

    def drawn(self, rng: random.Random) -> Scalar:
        """See Parameter: the default, for which no number is drawn."""
        return AS_IT_COMES

    def every(self) -> Iterable[Scalar]:
        """See Parameter; of what can be listed."""
        return (AS_IT_COMES,)

    def fraction(self, value: Scalar) -> float:
        """See Parameter: 0 for the source as it comes, 1 for any other."""
        return 0.0 if value == AS_IT_COMES else 1.0

    def beside(self, value: Scalar, stride: float) -> Sequence[Scalar]:
        """See Parameter: nothing is next to a source."""
        return ()

    @property
    def said(self) -> str:
        """See Parameter."""
        return f"a whole source of at most {self.bounds.bytes} bytes, or empty for it as it comes"

    def wrong(self, value: object) -> str:
        """See Parameter. The source is not quoted."""
        fault = self._fault(value) if isinstance(value, str) else "is no text"
        return f"{fault or 'is not normalised'}; give {self.said}"

    def as_schema(self) -> JsonObject:
        """See Parameter."""
        return {"type": "string"}

    def _fault(self, source: str) -> str:
        """What keeps a text from being a source; empty when nothing does."""
        try:
            size = len(source.encode())
        except UnicodeEncodeError:
            return "holds half a character"
        if size > self.bounds.bytes:
            return f"has {size} bytes, more than {self.bounds.bytes}"
        for number, line in enumerate(source.split("\n"), 1):
            if strange := [c for c in line if c != "\t" and not c.isprintable()]:
                return f"holds {strange[0]!r} in line {number}, which is not printable"
        return ""


def normalised(source: str) -> str:
    """A source with LF between lines, no blanks at their ends, and one final newline; empty where
    nothing else is in it.
    """
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = "\n".join(line.rstrip(" \t") for line in lines).rstrip("\n")
    return f"{text}\n" if text.strip() else AS_IT_COMES


def is_source(value: object) -> bool:
    """Whether a value of a configuration is a source; a choice ends with no newline."""
    return isinstance(value, str) and value.endswith("\n")


def shown(value: Scalar) -> Scalar:
    """What stands in a table for a value: of a source a short name, such as `code 3f2a91c0`; all
    else as it is.
    """
    return (
        f"code {digest(value)[:DIGITS]}" if isinstance(value, str) and is_source(value) else value
    )


def named(configuration: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """A configuration as it is printed: its source by the short name."""
    return {name: shown(value) for name, value in configuration.items()}


def keyed(value: Scalar) -> Scalar:
    """What stands in the key of a configuration for a value: of a source its hash."""
    return f"sha256:{digest(value)}" if isinstance(value, str) and is_source(value) else value


def shown_of_key(value: Scalar) -> Scalar:
    """As `shown`, of a value as it stands in the key of a configuration."""
    found = HASHED.fullmatch(value) if isinstance(value, str) else None
    return f"code {found[1]}" if found else value


@lru_cache(maxsize=2**12)
def digest(source: str) -> str:
    """The SHA-256 of a source, in UTF-8."""
    return sha256(source.encode())
