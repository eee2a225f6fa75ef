"""Looks for what no pack may hold: paths, names and addresses of somebody's machine, and keys."""

import getpass
import io
import os
import re
import socket
from collections.abc import Iterator

from haqa_bench.llm.secrets import Secrets

PATTERNS = {
    "a path of somebody's machine": (
        r"(?<![\w/.:])/(?:home|Users|root|tmp|var|mnt|media|private|opt|work|scratch|data|srv|run)"
        r"/[\w.~+-]+"
    ),
    "a path of Windows": r"\b[A-Za-z]:\\\\?(?:Users|Documents|Windows|Program)",
    "a path below ~": r"(?<![\w~])~/[\w.-]+",
    "an address of a device": r"\b(?:ssh|adb|file)://[\w.@-]+",
    "an e-mail address": r"\b[\w.+-]{1,64}@[\w-]{1,64}\.[A-Za-z][\w.-]{1,64}",
    "an IP address": r"(?<![\w.])(?:10|127|172|192)(?:\.\d{1,3}){3}(?![\w.])",
    "a key": (
        r"\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|hf_\w{20,}|AKIA[0-9A-Z]{16}|xox[abp]-[\w-]{10,}"
        r"|AIza[\w-]{30,}|glpat-[\w-]{16,})"
    ),
    "a header with a key": r"(?i)\bauthorization\b.{0,5}\b(?:bearer|basic)\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
"""What is looked for, by what it is called."""
_KEY_VARIABLES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
SHORTEST_NAME = 4
COMMON = {"root", "user", "admin", "ubuntu", "localhost", "runner", "nobody", "docker", "test"}
"""Names that are nobody's."""


def found_in(name: str, data: bytes, here: bool = False) -> Iterator[str]:
    """What of this kind a file of a pack holds, in words; `here`: it is packed on the machine that
    it is of, whose names and keys are looked for too.
    """
    text = _text(name, data)
    for what, pattern in PATTERNS.items():
        if matched := re.search(pattern, text):
            yield f"{what}: {_shown(what, matched[0])}"
    if here:
        yield from _own(text)


def _shown(what: str, matched: str) -> str:
    """A match as it may be printed: no more of a key than its kind."""
    return f"{matched[:4]}..." if "key" in what else matched[:60]


def _own(text: str) -> Iterator[str]:
    keys = [value for name, value in os.environ.items() if _KEY_VARIABLES.search(name)]
    if Secrets(keys).hidden(text) != text:
        yield "a key of this machine's environment"
    for what, word in (("user", getpass.getuser()), ("host", socket.gethostname())):
        known = len(word) >= SHORTEST_NAME and word.lower() not in COMMON
        if known and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
            yield f"this {what}'s name"


def _text(name: str, data: bytes) -> str:
    """All words of a file: of a table, its card and its columns of text."""
    if not name.endswith(".parquet"):
        return data.decode("utf-8", "replace")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError):
        return ""  # what cannot be read is told of elsewhere
    metadata = (table.schema.metadata or {}).values()
    columns = [c for c in table.column_names if pa.types.is_string(table.schema.field(c).type)]
    words = [value for c in columns for value in set(table.column(c).to_pylist()) if value]
    return "\n".join([*(value.decode("utf-8", "replace") for value in metadata), *words])
