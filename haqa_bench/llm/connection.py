"""HTTP to an endpoint, within bounds: an answer has a size and a call a time, and no redirect is
followed.
"""

import email.utils
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

import httpx2
import openai
from pydantic import AnyHttpUrl, TypeAdapter, ValidationError

from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError
from haqa_bench.llm.endpoint import Endpoint

T = TypeVar("T")
MOST_BYTES = 4_000_000
"""Of an answer, decompressed."""


class Answer(NamedTuple):
    """What came back. `after_s`: how long the endpoint asks to wait before another try; None where
    it does not say.
    """

    status: int
    text: str
    after_s: float | None


class TooLarge(Exception):
    """An answer of more than MOST_BYTES."""


class Connection:
    """Posts to one endpoint by OpenAI's client, whose retries are ours. A try fails after
    `timeout_s` seconds in which nothing arrives.

    Raises:
        HaqaError: no base URL, or proxy or certificate settings that fail.
    """

    def __init__(self, at: Endpoint, timeout_s: float) -> None:
        try:
            TypeAdapter(AnyHttpUrl).validate_python(at.url)
            url = httpx2.URL(at.url)
            self._bounds = _Bounds()
            self._client = openai.OpenAI(
                base_url=url.copy_with(query=None, fragment=None),
                default_query=dict(url.params),
                api_key=at.key,
                max_retries=0,
                timeout=timeout_s,
                default_headers={"Accept-Encoding": "identity"},
                http_client=_Bounded(self._bounds, timeout=timeout_s, follow_redirects=False),
            )
        except ValidationError as error:
            what, todo = str(error.errors()[0]["msg"]), "Give one like http://127.0.0.1:8080/v1"
            raise HaqaError(at.shown, f"no base URL: {what}", todo) from None
        except (OSError, ValueError, ImportError) as error:
            todo = "Check SSL_CERT_FILE and the proxy variables (HTTPS_PROXY, ALL_PROXY)"
            raise HaqaError(
                at.shown, f"the client cannot start: {at.line(str(error))}", todo
            ) from None

    def post(self, body: JsonObject, until: float) -> Answer:
        """The answer to a body, if all of it is there at the time `until`, of time.monotonic().

        Raises:
            TooLarge: it is larger than MOST_BYTES.
            TimeoutError: it comes too slowly.
            httpx2.RequestError: there is none.
        """
        self._bounds.until = until
        try:
            text = self._client.post("/chat/completions", cast_to=str, body=body)
        except openai.APIStatusError as error:
            answer = error.response
            return Answer(answer.status_code, answer.text, _after_s(answer.headers))
        except openai.APIConnectionError as error:
            raise error.__cause__ or httpx2.RequestError(str(error)) from None
        return Answer(200, text, None)


class _Bounds:
    """When a call must have ended, of time.monotonic()."""

    until = math.inf


class _Bounded(httpx2.Client):
    """A client that has read an answer, within its bounds, before anybody else sees it."""

    def __init__(self, bounds: _Bounds, **settings: Any) -> None:
        super().__init__(**settings)
        self._bounds = bounds

    def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        """As httpx2.Client's, with the whole answer in it."""
        response = super().send(request, **{**how, "stream": True})
        try:
            data = _bounded(response, self._bounds.until)
        finally:
            response.close()
        kept = [(n, v) for n, v in response.headers.multi_items() if n.lower() not in _OF_THE_WAY]
        return httpx2.Response(response.status_code, headers=kept, content=data, request=request)


_OF_THE_WAY = ("content-encoding", "content-length", "transfer-encoding")
"""Headers that say how an answer came, not what it is."""


def _bounded(response: httpx2.Response, until: float) -> bytes:
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MOST_BYTES:
            raise TooLarge
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(data)


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` gives, if it gives it in time. It runs in a thread of its own, which is left to
    itself when it is late: nothing else ends a wait for a name, a connection or a header.

    Raises:
        TimeoutError: it took longer.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # raised where the result is waited for
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(timeout=seconds)


def _after_s(headers: httpx2.Headers) -> float | None:
    """Retry-After, in seconds or as a date."""
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
