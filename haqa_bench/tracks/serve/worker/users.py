"""Users of llama-server: each sends its requests one after the other, and all begin together.

While they wait, nothing is done but to note what came when: bytes are made sense of after the load
(answers.py), so that the client takes as little of the machine as it can.
"""

import json
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from haqa_bench.tracks.serve.command import HOST

STACK_BYTES = 2**18
"""Of a user's thread: the default of 8 MB, times many users, would count as memory."""
AT_ONCE = 65536
LAST = b"0\r\n\r\n"
"""The chunk that ends an answer."""
PATIENCE_S = 3600.0
"""For the next byte. Who waits in vain is ended together with this process, in time."""


class Heard(NamedTuple):
    """What came of a request: when it was sent, the bytes that came with their times, and when the
    last did, in nanoseconds; and why no more came, where that was no end.
    """

    sent_ns: int
    pieces: Sequence[tuple[int, bytes]]
    ended_ns: int
    fault: str = ""


class Together(NamedTuple):
    """What came of a load: when it began, and what each user heard, request by request."""

    began_ns: int
    heard: Sequence[Sequence[Heard]]

    @property
    def seconds(self) -> float:
        """Until the last answer had ended."""
        return (max(one.ended_ns for of in self.heard for one in of) - self.began_ns) / 1e9


def request(prompt: Sequence[int], n_answer: int) -> bytes:
    """The bytes that ask for `n_answer` tokens after a prompt, greedily, as they come."""
    asked = {
        "prompt": list(prompt),
        "n_predict": n_answer,
        "stream": True,
        "ignore_eos": True,
        "temperature": 0,
        "cache_prompt": False,
        "return_tokens": True,
    }
    body = json.dumps(asked, separators=(",", ":")).encode()
    lines = (
        "POST /completion HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def load(port: int, users: Sequence[Sequence[bytes]]) -> Together:
    """What each user hears, whose requests these are."""
    began: list[int] = []
    start = threading.Barrier(len(users), action=lambda: began.append(time.perf_counter_ns()))

    def use(requests: Sequence[bytes]) -> list[Heard]:
        start.wait()
        return [_heard(port, one) for one in requests]

    threading.stack_size(STACK_BYTES)
    with ThreadPoolExecutor(len(users)) as pool:
        heard = list(pool.map(use, users))
    return Together(began[0], heard)


def _heard(port: int, asked: bytes) -> Heard:
    """What comes until the other side ends it."""
    sent, pieces, fault = time.perf_counter_ns(), [], ""
    try:
        with socket.create_connection((HOST, port), PATIENCE_S) as connection:
            connection.sendall(asked)
            while data := connection.recv(AT_ONCE):
                pieces.append((time.perf_counter_ns(), data))
                if data.endswith(LAST):
                    break
    except OSError as error:
        fault = f"{type(error).__name__}: {error.strerror or error}"
    return Heard(sent, pieces, pieces[-1][0] if pieces else time.perf_counter_ns(), fault)
