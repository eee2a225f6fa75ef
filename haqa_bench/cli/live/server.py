"""A small server of this machine alone, which shows runs while they are written.

It listens on 127.0.0.1, answers only requests whose Host is that (so that no web page reaches it by
a name of its own), below a token that nobody else knows (so that no other user of the machine
does), and lets no other origin read or frame what it sends.
"""

import secrets
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from haqa_bench.cli.live.pages import Shown, shell
from haqa_bench.errors import HaqaError

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


class Answer(NamedTuple):
    """What is sent: a text, its type, and a policy where the text has none itself."""

    text: str
    kind: str = "text/html"
    policy: str = ""


class Site:
    """What is served below which path: what is `shown`, and what stands below it."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._made: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def answer(self, path: str) -> Answer | None:
        """What is at a path below the token's; None where nothing is.

        Raises:
            HaqaError: the project cannot be read.
        """
        place, _, name = path.rpartition("/")
        found = self._shown.at(place)
        if found is None or name not in ("", "page", "state"):
            return None
        if name == "":
            home = "../../../" if place else ""
            text, policy = shell(place.removeprefix("run/") or "runs", home, found.ended)
            return Answer(text, policy=policy)
        if name == "state":
            return Answer(found.state(), "text/plain")
        return Answer(self._html(place, found))

    def _html(self, place: str, found: Shown) -> str:
        """A page, made once for each state, one at a time."""
        with self._lock:
            now = found.state()
            if self._made.get(place, ("", ""))[0] != now:
                self._made[place] = (now, found.html())
            return self._made[place][1]


class Handler(BaseHTTPRequestHandler):
    """Answers GET below the token, from this machine."""

    server_version = "haqa-bench"
    sys_version = ""

    def __init__(self, site: Site, token: str, *given: object) -> None:
        self._site, self._token = site, token
        super().__init__(*given)  # type: ignore[arg-type] # what socketserver hands on

    def do_GET(self) -> None:
        """The one method there is."""
        port = self.connection.getsockname()[1]
        path = unquote(urlsplit(self.path).path)
        first, _, rest = path.removeprefix("/").partition("/")
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            return self.send_error(HTTPStatus.FORBIDDEN)
        if not secrets.compare_digest(first.encode(), self._token.encode()):
            return self.send_error(HTTPStatus.NOT_FOUND)
        try:
            found = self._site.answer(rest)
        except HaqaError as fault:
            return self.send_error(HTTPStatus.NOT_FOUND, explain=str(fault))
        return self._send(found) if found else self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: stderr is for faults."""

    def _send(self, answer: Answer) -> None:
        data = answer.text.encode()
        self.send_response(HTTPStatus.OK)
        named = {"Content-Type": f"{answer.kind}; charset=utf-8", "Content-Length": str(len(data))}
        policy = {"Content-Security-Policy": answer.policy} if answer.policy else {}
        for name, value in {**named, **HEADERS, **policy}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """The server; `url` is where it is looked at."""

    daemon_threads = True

    def __init__(self, site: Site, port: int) -> None:
        token = secrets.token_urlsafe(16)
        try:
            super().__init__(("127.0.0.1", port), partial(Handler, site, token))
        except OSError as error:
            todo = "Name another with --port, or 0 for a free one"
            raise HaqaError(f"port {port}", error.strerror or str(error), todo) from None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/{token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no fault; anything else is a bug, and keeps its traceback."""
        import sys

        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
