"""A live LLM behind an OpenAI-compatible endpoint: OpenAI itself, or llama.cpp's server, Ollama,
vLLM, our relay.

Retries and their back-off are the openai client's. However an endpoint fails, the user reads one
line that names its base URL and never the key.
"""

import os
import re
import time
from typing import Any

import openai
from pydantic import AnyHttpUrl, BaseModel, Field, TypeAdapter, ValidationError

from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.protocols import ChatReply, ChatRequest, Position

OPENAI_URL = "https://api.openai.com/v1"
PLACEHOLDER_KEY = "none"
SHORTEST_SECRET = (
    8  # shorter ones are placeholders ("EMPTY", "ollama") that replies may well contain
)
CUT_OFF = (
    "length",
    "content_filter",
)  # finish reasons that leave the content null where nothing came before
NOT_THERE = "Check the base URL (does it end in /v1?) and the model's name"
TODO = {
    401: "Check OPENAI_API_KEY",
    403: "Check OPENAI_API_KEY",
    404: NOT_THERE,
    429: "Wait, or allow more retries",
}


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    """What we read of a chat completion. Endpoints add keys of their own, which are no fault."""

    model: str | None = None
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class OpenAICompatible:
    """A ChatModel that asks a live endpoint."""

    def __init__(self, base_url: str | None, timeout_s: float, retries: int) -> None:
        """An endpoint at `base_url` (else OPENAI_BASE_URL, else OpenAI's own), with the key in
        OPENAI_API_KEY if it has one.

        A try fails after `timeout_s` seconds in which nothing arrives; it is repeated up to
        `retries` times.

        Raises:
            HaqaError: no endpoint and no key, a base URL or key that cannot be one, or proxy or
            certificate settings that fail.
        """
        url = base_url or os.environ.get("OPENAI_BASE_URL", "")
        self._key = _key_in_environment()
        self._timeout_s = timeout_s
        self._shown = self._line(re.sub(r"//[^/]*@", "//", url or OPENAI_URL).partition("?")[0])
        if not url and not self._key:
            todo = "Set OPENAI_API_KEY, or name an endpoint: --base-url http://127.0.0.1:8080/v1"
            raise HaqaError("OPENAI_API_KEY", "not set, and no base URL given", todo)
        self._client = self._connected(url or OPENAI_URL, retries)

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """The endpoint's answer, even one that is empty, refused or cut off. `latency_s` includes
        the retries and their waits.

        Raises:
            ChatFailed: no chat completion came back.
        """
        start = time.perf_counter()
        text = self._post(request.body())
        return self._reply(text, time.perf_counter() - start)

    def _connected(self, url: str, retries: int) -> openai.OpenAI:
        try:
            TypeAdapter(AnyHttpUrl).validate_python(url)
            return openai.OpenAI(
                base_url=url,
                api_key=self._key or PLACEHOLDER_KEY,
                timeout=self._timeout_s,
                max_retries=retries,
            )
        except ValidationError as error:
            what = str(error.errors()[0]["msg"])
            raise HaqaError(
                self._shown, f"no base URL: {what}", "Give one like http://127.0.0.1:8080/v1"
            ) from None
        except (OSError, ValueError, ImportError) as error:
            todo = "Check SSL_CERT_FILE and the proxy variables (HTTPS_PROXY, ALL_PROXY)"
            raise HaqaError(
                self._shown, f"the client cannot start: {self._line(str(error))}", todo
            ) from None

    def _post(self, body: dict[str, Any]) -> str:
        try:
            return self._hidden(self._client.post("/chat/completions", cast_to=str, body=body))
        except openai.APITimeoutError:
            todo = "Is the model loaded? Allow more seconds"
            raise self._failed(f"no answer within {self._timeout_s:g} s", todo) from None
        except openai.APIStatusError as error:
            said = error.message.partition(" - ")[2] or error.response.text
            todo = TODO.get(
                error.status_code,
                "The fault is the endpoint's: see its log" if error.status_code >= 500 else "",
            )
            raise self._failed(f"HTTP {error.status_code}: {said}", todo) from None
        except openai.APIError as error:
            cause = str(error.__cause__ or error)
            trust = "CERTIFICATE_VERIFY_FAILED" in cause
            todo = (
                "To trust its authority, name the file in SSL_CERT_FILE"
                if trust
                else "Is the server running there?"
            )
            raise self._failed(f"connection failed: {cause}", todo) from None

    def _reply(self, text: str, latency_s: float) -> ChatReply:
        try:
            completion = _Completion.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"])
            fault = f"{place}: {first['msg']}" if place else first["msg"]
            raise self._failed(
                f"no chat completion ({fault}) but: {text or 'nothing'}", NOT_THERE
            ) from None
        choice, usage = completion.choices[0], completion.usage or _Usage()
        if (
            choice.message.content is None
            and choice.message.refusal is None
            and choice.finish_reason not in CUT_OFF
        ):
            raise self._failed("a chat completion whose content is null, without a refusal")
        return ChatReply(
            content=choice.message.content or choice.message.refusal or "",
            model=completion.model or "",
            finish_reason=choice.finish_reason or "",
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            latency_s=latency_s,
        )

    def _failed(self, what: str, todo: str = "") -> ChatFailed:
        return ChatFailed(self._shown, self._line(what), todo)

    def _line(self, text: str) -> str:
        """`text` without the key, on one line that a terminal can take, cut at 240 characters."""
        line = " ".join(
            "".join(c if c.isprintable() else " " for c in self._hidden(text)).split()
        ).rstrip(".")
        return line if len(line) <= 240 else line[:239] + "…"

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "***") if len(self._key) >= SHORTEST_SECRET else text


def _key_in_environment() -> str:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    # Else the HTTP library would quote the whole header in its complaint.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise HaqaError(
            "OPENAI_API_KEY", "holds a space or a character that no key has", "Set it again"
        )
    return key
