"""A live LLM behind an OpenAI-compatible endpoint: OpenAI itself, or llama.cpp's server, Ollama,
vLLM, our relay.

A call has one deadline, tries and pauses included. However an endpoint fails, the user reads one
line that names its base URL and never the key.
"""

import time

import httpx2

from haqa_bench.errors import ChatFailed
from haqa_bench.llm import endpoint
from haqa_bench.llm.completion import read_completion
from haqa_bench.llm.connection import MOST_BYTES, Connection, TooLarge, within
from haqa_bench.llm.refused import NOT_THERE, refused
from haqa_bench.llm.tries import Failure, deadline, good
from haqa_bench.protocols import ChatReply, ChatRequest, Position


class OpenAICompatible:
    """A ChatModel that asks a live endpoint. `endpoint` is its base URL, without user, password and
    query.
    """

    def __init__(
        self,
        base_url: str | None,
        timeout_s: float,
        retries: int,
        deadline_s: float | None = None,
        key_variable: str = endpoint.KEY,
    ) -> None:
        """An endpoint at `base_url` (else OPENAI_BASE_URL, else OpenAI's own), with the key in
        `key_variable` of the environment if it has one.

        A try fails after `timeout_s` seconds in which nothing arrives; it is repeated up to
        `retries` times. All of it ends after `deadline_s` seconds: DEADLINE_S when left out, or
        what the tries may take, where that is longer.

        Raises:
            HaqaError: no endpoint and no key, a base URL or key that cannot be one, or proxy or
            certificate settings that fail.
        """
        self._at = endpoint.found(base_url, key_variable)
        self.endpoint, self._key_variable = self._at.shown, key_variable
        self._timeout_s, self._retries = timeout_s, retries
        self._deadline_s = deadline(deadline_s, timeout_s, retries)
        self._connection = Connection(self._at, timeout_s)

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """The endpoint's answer, even one that is empty, refused or cut off. `latency_s` includes
        the retries and their waits.

        Raises:
            ChatFailed: no chat completion came back.
        """
        start = time.perf_counter()
        try:
            text = within(self._deadline_s, lambda: self._asked(request))
        except TimeoutError:
            todo = "Allow more with --chat-deadline"
            raise self._failed(f"no answer within {self._deadline_s:g} s in all", todo) from None
        return self._reply(text, time.perf_counter() - start)

    def _asked(self, request: ChatRequest) -> str:
        """A good answer's text, after as many tries as it takes and may take."""
        until = time.monotonic() + self._deadline_s
        return good(lambda: self._tried(request, until), self._retries, until)

    def _tried(self, request: ChatRequest, until: float) -> str | Failure:
        try:
            status, text, after_s = self._connection.post(request.body(), until)
        except TooLarge:
            failed = self._failed(f"an answer of more than {MOST_BYTES:,} bytes", NOT_THERE)
            return Failure(failed, again=False)
        except httpx2.TimeoutException:
            todo = "Is the model loaded? Allow more seconds"
            failed = self._failed(f"no answer within {self._timeout_s:g} s", todo)
            return Failure(failed, again=True)
        except httpx2.RequestError as error:
            return Failure(self._unconnected(str(error)), again=True)
        if 200 <= status < 300:
            return text
        told = refused(status, text, request, self._key_variable)
        return Failure(self._failed(told.what, told.todo), told.again, after_s)

    def _unconnected(self, cause: str) -> ChatFailed:
        trust = "CERTIFICATE_VERIFY_FAILED" in cause
        todo = "To trust its authority, name the file in SSL_CERT_FILE"
        return self._failed(
            f"connection failed: {cause}", todo if trust else "Is the server running there?"
        )

    def _reply(self, text: str, latency_s: float) -> ChatReply:
        try:
            read = read_completion(text)
        except ValueError as error:
            what = f"no chat completion ({error}) but: {text or 'nothing'}"
            raise self._failed(what, NOT_THERE) from None
        hidden = self._at.secrets.hidden
        return ChatReply(
            content=hidden(read.content),
            model=hidden(read.model),
            finish_reason=hidden(read.finish_reason),
            prompt_tokens=read.prompt_tokens,
            completion_tokens=read.completion_tokens,
            latency_s=latency_s,
            reasoning=hidden(read.reasoning),
        )

    def _failed(self, what: str, todo: str = "") -> ChatFailed:
        return ChatFailed(self.endpoint, self._at.line(what), todo)
