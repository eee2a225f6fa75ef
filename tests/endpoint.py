"""A real HTTP endpoint on loopback that misbehaves as told, for tests of whatever talks to an LLM.

with Endpoint([status(429), reply("{}")]) as endpoint:   # the last behaviour repeats for all
further requests
    OpenAICompatible(endpoint.base_url, timeout_s=1, retries=1)
"""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """What goes back. `announced` is the length that the header claims, where that is not the
    truth; `pieces` follow the data, one after the other, where no length is announced.
    """

    data: bytes
    code: int = 200
    content_type: str = "application/json"
    retry_after_s: float | None = None
    announced: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    pieces: Iterable[bytes] | None = None


Behaviour = Callable[[Message, threading.Event], Answer]
"""From a request's headers (and an event that says the endpoint closes) to the answer."""


def completion(
    message: dict[str, Any], finish_reason: str | None = "stop", **more: Any
) -> Behaviour:
    """A chat completion with this message; `more` adds or replaces top-level keys."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": finish_reason,
    }
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return body(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "stub-1",
            "choices": [choice],
            "usage": usage,
        }
        | more
    )


def reply(content: str | None, finish_reason: str | None = "stop", **more: Any) -> Behaviour:
    """A chat completion with this content."""
    return completion({"content": content}, finish_reason, **more)


def body(value: Any) -> Behaviour:
    """Any JSON, with status 200."""
    return lambda headers, closing: Answer(json.dumps(value).encode())


def status(code: int, message: str = "no luck", retry_after_ms: int = 10) -> Behaviour:
    """An error in OpenAI's form. The short Retry-After keeps tests quick."""
    answer = json.dumps({"error": {"message": message, "type": "stub"}}).encode()
    return lambda headers, closing: Answer(answer, code, retry_after_s=retry_after_ms / 1000)


def error(code: int, /, **error: Any) -> Behaviour:
    """An error in OpenAI's form with these keys."""
    return lambda headers, closing: Answer(
        json.dumps({"error": error}).encode(), code, retry_after_s=0.0
    )


def raw(data: bytes, code: int = 200, **headers: str) -> Behaviour:
    """Any bytes, with headers beside the usual."""
    return lambda asked, closing: Answer(data, code, headers=headers)


def endless(piece: bytes, every_s: float, most: int = 10**9) -> Behaviour:
    """The same piece again and again, until `most` bytes are sent or the endpoint closes."""

    def sent(headers: Message, closing: threading.Event) -> Answer:
        def pieces() -> Iterator[bytes]:
            for _ in range(most // len(piece)):
                yield piece
                if every_s and closing.wait(every_s):
                    return

        return Answer(b"", pieces=pieces())

    return sent


def html(code: int = 200) -> Behaviour:
    """A web page, as a wrong base URL or a proxy gives."""
    return lambda headers, closing: Answer(
        b"<html>\n<body>Welcome!</body>\n</html>", code, "text/html"
    )


def half_json() -> Behaviour:
    """JSON that stops in the middle."""
    return lambda headers, closing: Answer(b'{"id": "x", "choices": [{"index": 0, "mess')


def cut_off() -> Behaviour:
    """A connection that breaks before the announced length is there."""
    return lambda headers, closing: Answer(b'{"id": "x", "choices"', announced=1000)


def echo(code: int = 200) -> Behaviour:
    """An answer that gives the Authorization header away."""

    def echoed(headers: Message, closing: threading.Event) -> Answer:
        if code != 200:
            return status(code, f"bad key: {headers['Authorization']}")(headers, closing)
        return reply(f"you said {headers['Authorization']}", model=headers["Authorization"])(
            headers, closing
        )

    return echoed


def hang(seconds: float = 60) -> Behaviour:
    """Nothing for this long, or until the endpoint closes."""

    def hung(headers: Message, closing: threading.Event) -> Answer:
        closing.wait(seconds)
        return Answer(b"{}")

    return hung


def refusing_url() -> str:
    """The base URL of a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


class Endpoint:
    """Serves `behaviours` in turn. `requests` are the JSON bodies received, `headers` and `paths`
    what came with them; `sent` counts the bytes of pieces.
    """

    def __init__(self, behaviours: Sequence[Behaviour], certificate: Path | None = None) -> None:
        self.behaviours, self.closing = list(behaviours), threading.Event()
        self.requests: list[Any] = []
        self.headers: list[Message] = []
        self.paths: list[str] = []
        self.sent = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.base_url = (
            f"http{'s' if certificate else ''}://127.0.0.1:{self._server.server_port}/v1"
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.paths.append(self.path)
            endpoint.headers.append(self.headers)
            endpoint.requests.append(json.loads(asked))
            turn = min(len(endpoint.requests), len(endpoint.behaviours)) - 1
            self._send(endpoint.behaviours[turn](self.headers, endpoint.closing))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.code)
            if answer.retry_after_s is not None:
                self.send_header("Retry-After", str(answer.retry_after_s))
            self.send_header("Content-Type", answer.content_type)
            for name, value in answer.headers.items():
                self.send_header(name.replace("_", "-"), value)
            if answer.pieces is None:
                self.send_header("Content-Length", str(answer.announced or len(answer.data)))
            else:
                self.close_connection = True
            self.end_headers()
            with contextlib.suppress(
                ConnectionError
            ):  # the client gave up, as it should after a hang
                self.wfile.write(answer.data)
                for piece in answer.pieces or ():
                    self.wfile.write(piece)
                    endpoint.sent += len(piece)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
