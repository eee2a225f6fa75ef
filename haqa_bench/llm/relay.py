"""An OpenAI-compatible endpoint whose answers are files: whoever can read and write a folder can
play the LLM.

Each request becomes `0001.request.md`; the client waits until somebody has written `0001.answer.md`
beside it. An identical request can only be a retry (its seed and messages are the same), so it gets
the same number: nobody is asked twice, and neither a client that timed out nor a relay that was
restarted loses anything. Listens on loopback only.
"""

import json
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from pydantic import ValidationError

from haqa_bench.documents import JsonObject, canonical
from haqa_bench.errors import HaqaError
from haqa_bench.llm.questions import MAX_BODY_BYTES, POLL_S, Apart, Question, Questions

_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)


class _Refused(Exception):
    def __init__(self, code: int, what: str) -> None:
        self.code, self.what = code, what
        super().__init__(what)


def _question(body: bytes) -> Question:
    """The question that a body asks, which can be told from every other."""
    question = Question.model_validate_json(body)
    try:
        canonical(question.model_dump(exclude_unset=True))
    except HaqaError as fault:
        raise _Refused(400, f"a number that JSON cannot hold exactly: {fault.what}") from None
    return question


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    timeout = 30  # seconds for a client to send what it announced

    def do_GET(self) -> None:
        self._respond("/models", self._models)

    def do_POST(self) -> None:
        self._respond("/chat/completions", self._completion)

    def _respond(self, path: str, make: Callable[[bytes], JsonObject]) -> None:
        try:
            body = self._body()
            if self.path.partition("?")[0].removeprefix("/v1").rstrip("/") != path:
                raise _Refused(404, "here are only POST /v1/chat/completions and GET /v1/models")
            self._check_sender()
            self._send(200, make(body))
        except _Refused as refused:
            self.send_error(refused.code, refused.what)

    def _check_sender(self) -> None:
        """Any page open in a browser can reach loopback, also under a name of its own."""
        site = self.headers.get("Sec-Fetch-Site", "none")
        if "Origin" in self.headers or site not in ("none", "same-origin"):
            raise _Refused(403, "web pages may not ask")
        if not _HOST.fullmatch(self.headers.get("Host", "")):
            raise _Refused(403, "this is no name of the machine itself; ask 127.0.0.1")

    def _models(self, body: bytes) -> JsonObject:
        return {
            "object": "list",
            "data": [{"id": "relay", "object": "model", "created": 0, "owned_by": "haqa-bench"}],
        }

    def _completion(self, body: bytes) -> JsonObject:
        try:
            question = _question(body)
            questions = self.server.questions_of(question)
            name = questions.add(question)
            answer = questions.answer(name, self.server.stopped)
            if answer is None:
                raise _Refused(
                    503, f"the relay was stopped; {name}.request.md is kept for your retry"
                )
            message = {"role": "assistant", "content": answer.decode("utf-8-sig")}
        except ValidationError as error:
            place, what = ".".join(map(str, error.errors()[0]["loc"])), error.errors()[0]["msg"]
            raise _Refused(400, f"{place}: {what}" if place else what) from None
        except UnicodeDecodeError:
            raise _Refused(500, f"{name}.answer.md is not UTF-8; write it again") from None
        except (OSError, HaqaError) as error:
            said = error.strerror if isinstance(error, OSError) else error.what
            raise _Refused(500, f"the relay's folder: {said}") from None
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        # "relay": it does not know who answered. No usage either, since nobody counted.
        return {
            "id": f"relay-{name}",
            "object": "chat.completion",
            "created": 0,
            "model": "relay",
            "choices": [choice],
        }

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        left = int(length) if length.isdecimal() and len(length) < 12 else 0
        if left <= MAX_BODY_BYTES:
            return self.rfile.read(left)
        while left > 0 and (chunk := self.rfile.read(min(left, 65_536))):
            left -= len(
                chunk
            )  # read to its end, or the client would find a broken connection instead of our reply
        raise _Refused(413, f"the body is larger than {MAX_BODY_BYTES:,} bytes")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The fault in OpenAI's form, also for what http.server itself refuses."""
        kind = "server_error" if code >= 500 else "invalid_request_error"
        self._send(
            code,
            {
                "error": {
                    "message": message or f"HTTP {code}",
                    "type": kind,
                    "param": None,
                    "code": None,
                }
            },
        )

    def _send(self, code: int, value: JsonObject) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what is new is announced by name."""


class _Server(ThreadingHTTPServer):
    def __init__(self, port: int, questions_of: Callable[[Question], Questions]) -> None:
        self.questions_of, self.stopped = questions_of, threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no fault: the answer waits for its retry."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _all_in(questions: Questions) -> Callable[[Question], Questions]:
    return lambda question: questions


class Relay:
    """The relay over `folder`, serving at `base_url` while used as a context manager. Port 0 takes
    a free one.

    `announce` gets each new request's file name, from the thread that serves it. `apart`: each
    study has a folder of its own below `folder`.

    Raises:
        HaqaError: the port is taken, the folder cannot be made, or another relay serves it.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        announce: Callable[[str], None] = lambda name: None,
        apart: bool = False,
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / ".relay.lock", thread_local=False)
            self._lock.acquire(timeout=0)
            questions = Apart(folder, announce) if apart else _all_in(Questions(folder, announce))
        except Timeout:
            raise HaqaError(
                folder, "another relay serves this folder", "Stop it, or choose another folder"
            ) from None
        except OSError as error:
            raise HaqaError(
                folder, error.strerror or str(error), "Choose a folder that can be written"
            ) from None
        try:
            self._server = _Server(port, questions)
        except OSError as error:
            self._lock.release()
            raise HaqaError(
                f"127.0.0.1:{port}", error.strerror or str(error), "Choose another port with --port"
            ) from None
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._lock.release()
