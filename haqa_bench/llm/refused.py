"""What an endpoint means by an error, and what its user can do about it.

Endpoints name the same fault by a status, a code, a type or in words alone; each fault below lists
what is known of OpenAI, Mistral, vLLM, llama.cpp, Ollama, DeepSeek and OpenRouter.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from haqa_bench.protocols import ChatRequest

NOT_THERE = "Check the base URL (does it end in /v1?) and the model's name"
NEWER = "max_completion_tokens"
"""What some models want `max_tokens` to be called."""
PASSING = frozenset({408, 409, 425, 429})
"""Statuses, beside those from 500, after which another try may succeed."""


class Refused(NamedTuple):
    """An answer that is an error: what was said, what to do, and whether to ask again."""

    what: str
    todo: str
    again: bool


class _Fault(NamedTuple):
    """A fault that lasts, by its code or its words."""

    pattern: re.Pattern[str]
    todo: str


def _fault(pattern: str, todo: str) -> _Fault:
    return _Fault(re.compile(pattern, re.IGNORECASE), todo)


LASTING = (
    _fault(
        r"insufficient[_ ](quota|balance|credit|funds)|exceeded your current quota|out of credits",
        "The account has no credit left: check its plan and billing",
    ),
    _fault(
        r"context_length_exceeded|exceed_context_size|maximum context|context (length|size|window)"
        r"|prompt is too long",
        "The prompt and max_tokens do not fit the model's context: serve it with a longer one, or "
        "lower max_tokens or more_room in the suite's `chat:`",
    ),
    _fault(
        r"model_not_found|invalid_model|unknown model|model\b.{0,80} (not found|not exist)",
        "Check `model:` in the suite's `chat:`, and the base URL (does it end in /v1?)",
    ),
)


def refused(status: int, text: str, request: ChatRequest, key_variable: str) -> Refused:
    """What an answer of HTTP `status` means, to a request sent with the key in `key_variable`."""
    told = _said(text)
    what = f"HTTP {status}: {told.words or text}"
    for fault in LASTING:
        if fault.pattern.search(f"{told.code} {told.words}"):
            return Refused(what, fault.todo, again=False)
    if status in (400, 422) and (field := _named(told, request)):
        return Refused(what, _without(field, told.words, request), again=False)
    again = status in PASSING or status >= 500
    return Refused(what, _todo(status, key_variable), again)


class _Said(NamedTuple):
    words: str
    code: str
    field: str


def _said(text: str) -> _Said:
    """What an error's body says, in OpenAI's form, in FastAPI's, or in another of JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _Said("", "", "")
    body = value if isinstance(value, dict) else {}
    error = body.get("error", body)
    if not isinstance(error, dict):
        return _Said(str(error), "", "")
    words = error.get("message") or error.get("detail") or ""
    code = " ".join(str(error.get(name)) for name in ("code", "type") if error.get(name))
    told = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
    return _Said(told, code, str(error.get("param") or ""))


def _named(said: _Said, request: ChatRequest) -> str:
    """The field of the request that an error names, as the suite calls it; empty for none."""
    own = {sent: name for name, sent in request.rename.items()}
    fields = [name for name in request.body() if name not in ("model", "messages")]
    exact = [f for f in fields if f == said.field.partition(".")[0]]
    named = [f for f in fields if re.search(rf"\b{re.escape(f)}\b", said.words)]
    return next((own.get(f, f) for f in exact + named), "")


def _without(field: str, words: str, request: ChatRequest) -> str:
    """What to write in the suite where an endpoint refuses a field."""
    if field in request.extra:
        return f"Take {field} out of `extra:` in the suite's `chat:`, or give it another value"
    if field == "max_tokens" and NEWER in words and field not in request.rename:
        return f"Write `rename: {{max_tokens: {NEWER}}}` into the suite's `chat:`"
    other = "lower it or more_room" if field == "max_tokens" else "give it another value"
    return f"Write `omit: [{field}]` into the suite's `chat:`, or {other}"


def _todo(status: int, key_variable: str) -> str:
    known: Mapping[int, str] = {
        401: f"Check {key_variable}",
        402: "The account has no credit left: check its plan and billing",
        403: f"Check {key_variable}",
        404: NOT_THERE,
        429: "Wait, or allow more retries",
    }
    if 300 <= status < 400:
        return "It leads elsewhere: name that address with --base-url if you trust it"
    return known.get(status, "The fault is the endpoint's: see its log" if status >= 500 else "")
