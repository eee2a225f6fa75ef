"""Where an endpoint is, with which key it is asked, and what of both may be shown.

A key goes to the endpoint that its owner named, on the command line or in the environment. A suite
is somebody else's file: an endpoint that only a suite names gets the key that is meant for its
host, or none.
"""

import os
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from haqa_bench.errors import HaqaError
from haqa_bench.llm.secrets import Secrets

OPENAI_URL = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
NO_KEY = "none"
LONGEST_LINE = 240


class Endpoint(NamedTuple):
    """A base URL, and the key for it: NO_KEY where it has none. `shown` is the URL without user,
    password and query.
    """

    url: str
    key: str
    shown: str
    secrets: Secrets

    def line(self, text: str) -> str:
        """`text` without secrets, on one line that a terminal can take, cut at LONGEST_LINE."""
        return one_line(self.secrets, text)


def found(base_url: str | None, key_variable: str = KEY) -> Endpoint:
    """The endpoint at `base_url`, else at OPENAI_BASE_URL, else OpenAI's own, with the key in
    `key_variable` of the environment.

    Raises:
        HaqaError: neither a base URL nor a key, or a key that cannot be one.
    """
    url, key = base_url or os.environ.get("OPENAI_BASE_URL", ""), _key(key_variable)
    if not url and not key:
        todo = f"Set {KEY}, or name an endpoint: --base-url http://127.0.0.1:8080/v1"
        raise HaqaError(KEY, "not set, and no base URL given", todo)
    secrets = Secrets([key, *_secrets_in(url)])
    bare = re.split(r"[?#]", re.sub(r"//[^/]*@", "//", url or OPENAI_URL))[0]
    return Endpoint(url or OPENAI_URL, key or NO_KEY, one_line(secrets, bare), secrets)


def key_variable(own: str | None, usual: str | None) -> str:
    """Which variable of the environment holds the key for a method: `own` is the endpoint that its
    suite names, `usual` the one of the command line.
    """
    named = usual or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    if own is None or urlsplit(own)[:2] == urlsplit(named)[:2]:
        return KEY
    host = re.sub(r"[^A-Z0-9]", "_", (urlsplit(own).hostname or "").upper())
    return f"HAQA_BENCH_KEY_{host}"


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    # Else the HTTP library would quote the whole header in its complaint.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise HaqaError(variable, "holds a space or a character that no key has", "Set it again")
    return key


def _secrets_in(url: str) -> list[str]:
    """The password of a URL, and the values of its query, where keys stand too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    return [unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query))]


def one_line(secrets: Secrets, text: str) -> str:
    """`text` without secrets, on one line that a terminal can take, cut at LONGEST_LINE."""
    shown = secrets.hidden(text)[: 100 * LONGEST_LINE]  # an answer may have megabytes
    plain = "".join(c if c.isprintable() else " " for c in shown)
    line = " ".join(plain.split()).rstrip(".")
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
