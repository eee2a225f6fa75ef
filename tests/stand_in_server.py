"""A stand-in for llama-server that answers as told, with known delays: tests of the serve track.

    tools(folder, first_s=0.05, between_s=0.01)    # writes folder/llama-server

It speaks what the track asks of llama-server: /health, /props, /v1/models, /tokenize, and
/completion as a stream. What it was started with, and each prompt, go into files of its folder.
"""

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STARTED, ASKED = "started.json", "asked.jsonl"
VERSION = "version: 0.0 (build 1, commit stand-in)"
VOCABULARY = 1000
BEGINS = 1
"""The token that texts begin with."""


@dataclass(frozen=True)
class Told:
    """How it behaves: seconds until a slot has the first token, and between two; what goes wrong.

    `warm` is how many requests come before those that count; `at_once`, how many tokens an event
    brings.
    """

    first_s: float = 0.0
    between_s: float = 0.0
    at_once: int = 1
    warm: int = 4
    refused: str = ""
    cut: tuple[int, ...] = ()
    """Requests after the warm-up whose connection is cut."""
    short: int = 0
    """Tokens that an answer lacks."""
    claimed_ms: float = -1.0
    """What it says that its tokens took, where that is not the truth."""
    claimed_prompt_ms: float = -1.0
    drafted: int = 0
    accepted: int = 0
    dies: str = ""
    """What it says when it dies at once."""
    dies_at: int = 10**9
    """The request after the warm-up with which it dies."""
    never_ready: bool = False
    says: str = "listening"
    """Before it is ready."""


def tools(folder: Path, **told) -> Path:
    """A folder of programs with this llama-server in it."""
    folder.mkdir(exist_ok=True)
    program = folder / "llama-server"
    here = Path(__file__).parent
    program.write_text(
        f"#!{sys.executable}\n"
        f"import sys\nsys.path.insert(0, {str(here)!r})\nimport stand_in_server as it\n"
        f"it.main(it.Told(**{asdict(Told(**told))!r}), {str(folder)!r})\n"
    )
    program.chmod(0o755)
    return folder


def asked(folder: Path) -> list[dict]:
    """All requests that it got, the warm-up's first."""
    return [json.loads(line) for line in (folder / ASKED).read_text().splitlines()]


def started(folder: Path) -> dict:
    """The words and the environment that it was started with, and its process id."""
    return json.loads((folder / STARTED).read_text())


def main(told: Told, folder: str) -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"{VERSION}\nbuilt with nothing")
        return
    kept = {"words": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid()}
    (Path(folder) / STARTED).write_text(json.dumps(kept))
    if told.dies:
        sys.exit(told.dies)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    slots = int(sys.argv[sys.argv.index("-np") + 1])
    print(told.says, flush=True)
    Listening(port, told, slots, Path(folder)).serve_forever()


class Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, told: Told, slots: int, folder: Path) -> None:
        super().__init__(("127.0.0.1", port), Answering)
        self.told, self.slots, self.folder = told, slots, folder
        self.free, self.lock, self.count = threading.Semaphore(slots), threading.Lock(), 0

    def number(self, body: dict) -> int:
        """How many requests after the warm-up came before this one; it is kept."""
        with self.lock:
            found, self.count = self.count - self.told.warm, self.count + 1
            with (self.folder / ASKED).open("a") as file:
                file.write(json.dumps(body) + "\n")
        return found


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listening

    def log_message(self, *words: object) -> None:
        pass

    def do_GET(self) -> None:
        ready = not self.server.told.never_ready
        found = {
            "/health": {"status": "ok" if ready else "loading"},
            "/props": {
                "total_slots": self.server.slots,
                "default_generation_settings": {"n_ctx": 512},
            },
            "/v1/models": {"data": [{"meta": {"n_vocab": VOCABULARY}}]},
        }
        self.answer(found[self.path], 200 if ready else 503)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            begins = [BEGINS] if body["add_special"] else []
            self.answer({"tokens": [*begins, *body["content"].encode()]})
        else:
            self.complete(body)

    def answer(self, body: dict, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def complete(self, body: dict) -> None:
        told, number = self.server.told, self.server.number(body)
        if told.refused:
            self.answer({"error": {"message": told.refused}}, 400)
        elif number == told.dies_at:
            print("GGML_ASSERT(false) failed", flush=True)
            os.abort()
        else:
            with self.server.free:
                self.stream(body["n_predict"] - told.short, number in told.cut)

    def stream(self, tokens: int, cut: bool) -> None:
        told, begin = self.server.told, time.perf_counter()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(told.first_s)
        first = time.perf_counter()
        for number in range(1, tokens + 1):
            time.sleep(told.between_s if number > 1 else 0.0)
            if number % told.at_once == 0:
                self.event({"content": "w", "tokens_predicted": number, "stop": False})
            if cut:
                self.close_connection = True
                return
        spent_ms = 1000 * (time.perf_counter() - first)
        timings = {
            "prompt_ms": told.claimed_prompt_ms
            if told.claimed_prompt_ms >= 0
            else 1000 * (first - begin),
            "predicted_ms": told.claimed_ms if told.claimed_ms >= 0 else spent_ms,
            "predicted_n": tokens,
        }
        if told.drafted:
            timings |= {"draft_n": told.drafted, "draft_n_accepted": told.accepted}
        self.event({"content": "", "tokens_predicted": tokens, "stop": True, "timings": timings})
        self.wfile.write(b"0\r\n\r\n")

    def event(self, told: dict) -> None:
        data = b"data: " + json.dumps(told).encode() + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
