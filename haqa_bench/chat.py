"""How a method asks its LLM: the `chat:` section of a suite, and the requests that it makes.

Endpoints differ in the fields that they take. A suite leaves one out, calls it by another name, or
adds its own, and what is sent is what is recorded and hashed.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import rfc8785
from pydantic import (
    Field,
    JsonValue,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from haqa_bench.documents import Document, JsonObject
from haqa_bench.protocols import ChatRequest, Message

Sent = Literal["temperature", "seed", "max_tokens", "response_format"]
FieldName = Annotated[str, Field(min_length=1)]
NEVER = ("model", "messages", "stream")
"""What `extra` and `rename` may not touch: replies are whole, and prompts the agent's."""


_SECRETS = frozenset(
    ("apikey", "auth", "authorization", "credential", "credentials", "key", "passphrase")
) | {"passwd", "password", "secret", "token"}
_SECRET = re.compile(
    r"(?i)://[^/\s]*:[^/\s]*@|^(sk|pk|ghp|gho|hf)[-_][\w-]{8}|bearer\s|authorization:"
)
"""A secret in an argument's own words."""
HIDDEN = "***"


def shown(command: Sequence[str]) -> tuple[str, ...]:
    """A command as it may be published: three stars in place of what looks like a secret."""
    follows = [False, *(w.startswith("-") and "=" not in w and _secret(w) for w in command)]
    return tuple(
        HIDDEN if _holds_secret(word) or (after and not word.startswith("-")) else word
        for word, after in zip(command, follows, strict=False)
    )


def _holds_secret(word: str) -> bool:
    name, is_set, _ = word.partition("=")
    return bool(_SECRET.search(word)) or (bool(is_set) and _secret(name))


def _secret(name: str) -> bool:
    """Whether an option or a variable is called as secrets are."""
    return not _SECRETS.isdisjoint(re.split(r"[-_]", name.lower()))


class Chat(Document):
    """How an agent method asks its LLM. Every field goes into the request, so a changed one misses
    the cassette.
    """

    model: str
    temperature: float = Field(0.0, allow_inf_nan=False)
    max_tokens: int = Field(1024, ge=1, lt=2**31)
    response_format: Literal["text", "json_schema", "json_object"] = "text"
    """How the endpoint is to constrain the reply: not; by a JSON schema as OpenAI takes it; or as
    llama-cpp-python's server takes it.
    """
    omit: tuple[Sent, ...] = ()
    """Fields that are not sent, since the endpoint refuses them."""
    rename: dict[Sent, FieldName] = Field(default_factory=dict)
    """What the endpoint calls fields: {max_tokens: max_completion_tokens}."""
    extra: dict[FieldName, JsonValue] = Field(default_factory=dict)
    """Further fields, as they are sent: {top_p: 0.9, reasoning_effort: low}."""
    more_room: int = Field(2, ge=1, le=64)
    """A reply that was cut off is asked for once more with so many times `max_tokens`; 1: it is
    not.
    """
    base_url: str | None = None
    """The endpoint of this method, where it has its own."""
    command: tuple[str, ...] | None = Field(None, min_length=1)
    """A program that answers in place of an endpoint, with its arguments; no shell reads them.
    `{question}` among them is the file that it reads, else it reads its input; `{answer}` the file
    that it writes, else its output counts.
    """
    question: Literal["text", "json"] = "text"
    """How a program is asked: the messages as text, or the body of the request as JSON."""
    _section: str = PrivateAttr("")

    def called(self, section: str) -> Self:
        """The same, as one of a method's `chats:`; its requests say so."""
        named = self.model_copy()
        named._section = section
        return named

    @field_validator("base_url")
    @classmethod
    def _shows_no_secret(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no base URL; give one like http://127.0.0.1:8080/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("holds more than an address; suites are published, keys are not")
        return url

    @field_validator("command")
    @classmethod
    def _shows_no_secret_word(cls, command: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for word, told in zip(command or (), shown(command or ()), strict=True):
            if not word or "\0" in word:
                raise ValueError("holds an argument that no program takes")
            if word != told:
                raise ValueError("holds a secret; suites are published: use --chat-env")
        return command

    @model_validator(mode="after")
    def _asks_one(self) -> Self:
        if self.command and self.base_url:
            raise ValueError("either a command or a base_url answers, not both")
        return self

    @model_validator(mode="after")
    def _sends_each_field_once(self) -> Self:
        own: set[Sent] = {"temperature", "seed", "max_tokens"}
        own |= set() if self.response_format == "text" else {"response_format"}
        sent = [self.rename.get(name, name) for name in sorted(own - set(self.omit))]
        for name in [*sent, *self.extra]:
            if name in NEVER:
                raise ValueError(f"'{name}' is not to be changed")
            if [*sent, *self.extra].count(name) > 1:
                raise ValueError(f"'{name}' is sent twice; put the one that is not meant into omit")
        return self

    @model_validator(mode="after")
    def _can_be_hashed(self) -> Self:
        try:
            rfc8785.dumps(self.extra)
        except (rfc8785.CanonicalizationError, UnicodeError, RecursionError):
            raise ValueError("extra holds what JSON cannot hold exactly") from None
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        """Suites that leave the newer fields out have the locks that they had before these."""
        kept: JsonObject = dump(self)
        same = Chat.model_fields
        newer = ("omit", "rename", "extra", "more_room", "base_url", "command", "question")
        default = {name: same[name].get_default(call_default_factory=True) for name in newer}
        return {k: v for k, v in kept.items() if k not in newer or getattr(self, k) != default[k]}

    def request(
        self, messages: Sequence[Message], seed: int, response_format: JsonObject | None = None
    ) -> ChatRequest:
        """A conversation as this section says that it is sent."""
        return ChatRequest(
            model=self.model,
            messages=tuple(messages),
            temperature=None if "temperature" in self.omit else self.temperature,
            seed=None if "seed" in self.omit else seed,
            max_tokens=None if "max_tokens" in self.omit else self.max_tokens,
            response_format=None if "response_format" in self.omit else response_format,
            rename={str(name): called for name, called in self.rename.items()},
            extra=self.extra,
            section=self._section,
        )
