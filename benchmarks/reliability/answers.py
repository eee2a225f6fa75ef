"""A loopback endpoint that answers each request as the committed cassettes do: always the same, in
whatever order it is asked.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from haqa_bench.backends.orphans import end_with
from haqa_bench.llm import cassette

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from endpoint import reply


@contextmanager
def answering(cassettes: Sequence[Path]) -> Iterator[str]:
    """The base URL of an endpoint, in a process of its own, that knows these cassettes' replies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(_known(cassettes))) as server:
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            end_with(parent)
            server.serve_forever()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def _known(cassettes: Sequence[Path]) -> Mapping[str, str]:
    found = {}
    for path in cassettes:
        for exchange in cassette.read(path).exchanges:
            found[_asked(exchange.body)] = exchange.reply.content
    return found


def _asked(body: Mapping[str, object]) -> str:
    return json.dumps(body["messages"], sort_keys=True)


def _handler(known: Mapping[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = reply(known[_asked(body)])(self.headers, threading.Event())
            self.send_response(answer.code)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.data)))
            self.end_headers()
            self.wfile.write(answer.data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
