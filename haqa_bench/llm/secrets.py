"""Hides secrets in what an endpoint says, however it spells them.

An endpoint may give back the key that it was sent: as it is, escaped for JSON, a URL or HTML, in
hexadecimal or base64, or cut by white space. What it encrypts, compresses or spells backwards is
not found.
"""

import base64
import re
from collections.abc import Iterable, Iterator

SHORTEST = 8
"""Shorter ones are placeholders ("EMPTY", "ollama") that replies may well contain."""
HIDDEN = "***"
_GAP = r"(?:\s|\\{1,8}[nrt])*"


class Secrets:
    """Some secrets, of which those of at least `SHORTEST` characters are hidden."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long = dict.fromkeys(secret for secret in secrets if len(secret) >= SHORTEST)
        forms = [form for secret in long for form in _forms(secret)]
        self._pattern = re.compile("|".join(forms)) if forms else None

    def hidden(self, text: str) -> str:
        """`text` with three stars in place of each secret."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


def _forms(secret: str) -> Iterator[str]:
    """Patterns of all ways to write a secret that are looked for."""
    yield _GAP.join(_letter(c) for c in secret)
    yield f"(?i:{_GAP.join(secret.encode().hex())})"
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret.encode()).decode()
        # The letters that hold nothing of what stands before and behind the secret.
        own = coded[-(-before * 8 // 6) : (before + len(secret.encode())) * 8 // 6]
        yield _GAP.join({"+": "[+-]", "/": "[/_]"}.get(c, c) for c in own)


def _letter(c: str) -> str:
    """A letter as it is, or escaped: for JSON, a URL, or HTML."""
    code = ord(c)
    escapes = rf"\\{{1,8}}u{code:04x}|\\{{1,8}}x{code:02x}|%{code:02x}|&\#0*{code};|&\#x0*{code:x};"
    return f"(?:{re.escape(c)}|(?i:{escapes}))"
