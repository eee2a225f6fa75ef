"""What a file says instead of a number: which words mean that all went well, and which failure of
ours is nearest to any other. The file's own word is the reason.
"""

import math
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from haqa_bench.errors import Status
from haqa_bench.store.own_tables.frame import Nested
from haqa_bench.store.own_tables.scalars import NUMBER

WELL = (
    *("ok", "okay", "success", "successful", "succeeded", "pass", "passed", "done", "complete"),
    *("completed", "finished", "valid", "correct", "true", "yes", "measured"),
)
"""Words that mean that a configuration was measured."""
PARTS: Mapping[Status, str] = {
    Status.FEWER_LAYERS: r"fewer.?layers",
    Status.SPILLED: r"\bspill",
    Status.SETTING_IGNORED: r"setting.?ignored",
    Status.OOM: r"(^|[^a-z])oom|out.?of.?(\w+ )?memory|no memory|bad.?alloc|cannot allocate",
    Status.TIMEOUT: r"time.?out|timed.?out|time limit|deadline|too slow|\bhang|\bhung",
    Status.COMPILE_ERROR: r"compil|build|linker|link error|syntax",
    Status.WRONG_OUTPUT: r"wrong|incorrect|mismatch|verif|correctness|inaccurate",
    Status.DIVERGED: r"diverg",
    Status.NOT_FINITE: r"\bnan\b|\binf(inity)?\b|not finite|non.?finite",
    Status.REFUSED: r"refus|reject|invalid|unsupported|not supported|illegal|constraint|restrict",
    Status.KILLED: r"kill|cancel|abort|preempt|prun|interrupt|evict",
    Status.CRASHED: r"crash|err|fail|exception|seg.?fault|core dump|fault|exit|panic|\bno\b|false",
}
"""What occurs in words of a failure; the first that does says which."""
LONGEST = 200
"""Characters of a file's words that are kept."""
NOTHING = "the file has nothing in place of a value"


class Failure(NamedTuple):
    """Why a configuration has no value."""

    status: Status
    reason: str


class Unread(NamedTuple):
    """What is neither a number nor a word of a failure; `todo` says what helps."""

    what: str
    todo: str


def of_word(word: str, well: Collection[str]) -> Failure | Unread | None:
    """What a word of the status column says: None where all went well. Where `well` names the words
    that say so, any other is a failure.
    """
    said = word.strip()
    if said.casefold() in (well or WELL):
        return None
    if found := _known(said):
        return found
    if well or not said:
        return Failure(Status.CRASHED, _reason(said))
    return Unread(
        f"'{shown(said)}' may be a success or a failure", "Say what is a success: --ok WORD"
    )


def reading(value: object) -> float | Failure | Unread:
    """What a metric's value says."""
    if isinstance(value, Nested):
        return Unread("holds a list or an object", "Write one row for each repeat")
    if isinstance(value, bool):
        return Unread(f"{value} is no number", "Name a column of numbers in --metrics")
    if value is None:
        return Failure(Status.CRASHED, NOTHING)
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(f"{value}")
    text = str(value).strip()
    if NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else _not_finite(text)
    return _of_text(text)


def _of_text(text: str) -> Failure | Unread:
    """What text says that is no number."""
    if text.lstrip("+-").casefold() in ("nan", "inf", "infinity"):
        return _not_finite(text)
    if text and re.match(r"[+-]?[.,]?[0-9]", text):
        todo = "Write numbers alone: no units, no separators of thousands; --decimal , if it is one"
        return Unread(f"'{shown(text)}' is no number", todo)
    return _known(text) or Failure(Status.CRASHED, _reason(text))


def _known(word: str) -> Failure | None:
    """The failure that a word is, or is near to."""
    plain = re.sub(r"[_\s-]+", " ", word.casefold())
    for status in Status:
        if status.value.replace("_", " ") == plain and status in PARTS:
            return Failure(status, _reason(word))
    for status, parts in PARTS.items():
        if re.search(parts, plain):
            return Failure(status, _reason(word))
    return None


def _not_finite(text: str) -> Failure:
    return Failure(Status.NOT_FINITE, _reason(text))


def _reason(word: str) -> str:
    return f"the file says {shown(word)}" if word else NOTHING


def shown(text: str) -> str:
    """Text of a file in one line that is not long."""
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
