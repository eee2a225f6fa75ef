"""A chat completion as endpoints really send it: what is read of one, and what may be missing.

Content may be text, a list of parts, or null; what a model thought comes beside it under several
names; counts of tokens may be anything. What cannot be used is left out, and nothing is made up.
"""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError

MOST_TOKENS = 2**53 - 1
THINKING = ("reasoning_content", "reasoning", "thinking")


class Completion(NamedTuple):
    """What an endpoint answered. Without a word in `content`, a refusal stands there."""

    content: str
    reasoning: str
    model: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


def read_completion(text: str) -> Completion:
    """The first choice of a chat completion.

    Raises:
        ValueError: it is none; says why in one line.
    """
    try:
        whole = _characters(json.dumps(json.loads(text, parse_int=_integer), ensure_ascii=False))
        read = _Completion.model_validate_json(whole)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place}: {what}" if place else what) from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from None
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    choice, usage = read.choices[0], read.usage
    message = choice.message
    return Completion(
        content=message.content.text or message.refusal,
        reasoning=message.content.thought or message.reasoning,
        model=read.model,
        finish_reason=choice.finish_reason or ("tool_calls" if message.tool_calls else ""),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) < 20 else None


def _characters(text: str) -> str:
    """`text` with U+FFFD for each half of a character that came without its other half."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Content(NamedTuple):
    """Content in one piece, and what of it was thought."""

    text: str
    thought: str


def _content(value: object) -> _Content:
    if value is None or isinstance(value, str):
        return _Content(value or "", "")
    if not isinstance(value, list):
        raise ValueError("is neither text nor a list of parts")
    parts = [part for part in value if isinstance(part, dict)]
    said = [part if isinstance(part, str) else _said(part) for part in value]
    return _Content("".join(said), "".join(t for part in parts for t in _thought(part)))


def _said(part: object) -> str:
    """The text of a part, if it is one of text."""
    known = part if isinstance(part, dict) else {}
    return _words(known.get("text") or known.get("refusal"))


def _thought(part: dict[str, Any]) -> Iterator[str]:
    thinking = part.get("thinking")
    yield from map(_said, thinking) if isinstance(thinking, list) else (_words(thinking),)


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if counts and isinstance(value, int) else None


def _only(kind: type) -> Callable[[object], object]:
    """What is of this kind; else nothing of it."""
    return lambda value: value if isinstance(value, kind) else kind()


Words = Annotated[str, BeforeValidator(_words)]
Count = Annotated[int | None, BeforeValidator(_count)]


class _Message(BaseModel):
    content: Annotated[_Content, BeforeValidator(_content)] = _Content("", "")
    refusal: Words = ""
    reasoning: Words = Field("", validation_alias=AliasChoices(*THINKING))
    tool_calls: Annotated[list[Any], BeforeValidator(_only(list))] = Field(default_factory=list)


class _Choice(BaseModel):
    message: _Message
    finish_reason: Words = ""


class _Usage(BaseModel):
    prompt_tokens: Count = None
    completion_tokens: Count = None


class _Completion(BaseModel):
    """What we read. Endpoints add keys of their own, which are no fault."""

    model: Words = ""
    choices: list[_Choice] = Field(min_length=1)
    usage: Annotated[_Usage, BeforeValidator(_only(dict))] = _Usage()
