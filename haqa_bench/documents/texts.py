"""Files as bytes and as text: not larger than was meant, and UTF-8."""

import os
from pathlib import Path

from haqa_bench.errors import HaqaError

MAX_BYTES = 256_000_000
"""Of any file that is read as a whole."""


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """A file's bytes, or one clear line.

    Raises:
        HaqaError: unreadable, or larger than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)  # a device never ends
    except OSError as error:
        raise HaqaError(path, error.strerror or str(error), "Check the path") from None
    if len(data) > most:
        raise HaqaError(path, f"is larger than the {most:,} bytes allowed", "Is it the right file?")
    return data


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """A file's text, without the mark that some editors put before UTF-8.

    Raises:
        HaqaError: unreadable, larger than `most` bytes, not UTF-8, or no text; names the line.
    """
    text = decoded(path, read_bytes(path, most))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise HaqaError(f"{path}:{line}", "is no text: it has a NUL byte", "Is it the right file?")
    return text


def decoded(where: object, data: bytes) -> str:
    """UTF-8 as text.

    Raises:
        HaqaError: it is not UTF-8; names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8: byte {data[error.start]:#04x} at position {error.start}"
        raise HaqaError(f"{where}:{line}", what, "Save it as UTF-8") from None


def check_name(path: Path) -> Path:
    """The path, whose name is text.

    Raises:
        HaqaError: it has bytes that are no UTF-8, which no report could name, nor DuckDB open.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise HaqaError(shown(path), "the name is not UTF-8", "Rename it") from None
    return path


def shown(path: Path) -> str:
    """A path as text that can be printed, whatever its bytes."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()
