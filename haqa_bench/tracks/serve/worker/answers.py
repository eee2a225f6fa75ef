"""What bytes from llama-server say, and when each token of them came.

An answer is a stream of events, a line of JSON each, in the chunks of HTTP/1.1:

    data: {"content": " word", "tokens_predicted": 7, "stop": false, ...}
    data: {"content": "", "tokens_predicted": 32, "stop": true, "timings": {...}, ...}

Each says how many tokens there are so far. One event may bring several: llama-server holds tokens
back that end within a character, and sends them with what completes it. They count as come when
their event has.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from haqa_bench.tracks.serve.jobs import Answer, Asked, Timings
from haqa_bench.tracks.serve.worker.users import Heard

GAP = b"\r\n\r\n"
EVENT = b"data:"
OK = 200
SAID = 200
"""Characters of a refusal that are told."""


def answer_of(heard: Heard, asked: Asked) -> Answer:
    """What became of a request."""
    times: list[int] = []
    timings, fault = None, ""
    try:
        for at_ns, event in _events(heard):
            if "error" in event:
                fault = f"it failed: {_told(event['error'])}"
                break
            times += [at_ns] * (int(event["tokens_predicted"]) - len(times))
            timings = _timings(event["timings"]) if event["stop"] else None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        fault = f"its answer cannot be read: {type(error).__name__}: {error}"
    fault = fault or _fault(heard, len(times), timings, asked)
    tokens = tuple(round((at - heard.sent_ns) / 1e6, 3) for at in times)
    return Answer(tokens, round((heard.ended_ns - heard.sent_ns) / 1e6, 3), timings, fault)


def _fault(heard: Heard, tokens: int, timings: Timings | None, asked: Asked) -> str:
    """Why an answer does not count; nothing where it is whole."""
    said = f"{tokens} of {asked.answer} tokens"
    if timings is None:
        return f"cut off after {said}" + (f": {heard.fault}" if heard.fault else "")
    return "" if tokens == timings.predicted_n == asked.answer else f"{said}, and no more"


def _events(heard: Heard) -> Iterator[tuple[int, Any]]:
    """Each event with the time at which all of it had come.

    Raises:
        ValueError, IndexError: this is no HTTP, or no JSON.
    """
    raw = b"".join(data for _, data in heard.pieces)
    head, gap, _ = raw.partition(GAP)
    if not gap:
        return
    status = int(head.split(b" ", 2)[1])
    chunked = b"transfer-encoding: chunked" in head.lower()
    arrivals = _Arrivals(heard)
    if status != OK:
        body = b"".join(part for _, part in _parts(raw, len(head) + len(GAP), chunked, arrivals))
        yield heard.ended_ns, {"error": f"HTTP {status}: {body.decode('utf-8', 'replace')}"}
        return
    text = b""
    for end, part in _parts(raw, len(head) + len(GAP), chunked, arrivals):
        *whole, text = (text + part).split(b"\n\n")
        for event in whole:
            if event.startswith(EVENT):
                yield arrivals.at(end), json.loads(event.removeprefix(EVENT))


class _Arrivals:
    """When each byte of an answer came, by its place."""

    def __init__(self, heard: Heard) -> None:
        self.times = [at for at, _ in heard.pieces]
        self.ends = list(accumulate(len(data) for _, data in heard.pieces))

    def at(self, end: int) -> int:
        """When all bytes before the place `end` had come, in nanoseconds."""
        return self.times[bisect_left(self.ends, end)]


def _parts(
    raw: bytes, begin: int, chunked: bool, arrivals: _Arrivals
) -> Iterator[tuple[int, bytes]]:
    """The parts of a body that came whole, each with the place of its end."""
    if not chunked:
        for end in (place for place in arrivals.ends if place > begin):
            yield end, raw[begin:end]
            begin = end
        return
    while (mark := raw.find(b"\r\n", begin)) >= 0:
        size = int(raw[begin:mark].partition(b";")[0], 16)
        first, end = mark + 2, mark + 2 + size
        if size == 0 or end > len(raw):
            return
        yield end, raw[first:end]
        begin = end + 2


def _timings(told: Any) -> Timings:
    return Timings(
        prompt_ms=float(told["prompt_ms"]),
        predicted_ms=float(told["predicted_ms"]),
        predicted_n=int(told["predicted_n"]),
        draft_n=int(told.get("draft_n", 0)),
        draft_accepted=int(told.get("draft_n_accepted", 0)),
    )


def _told(error: object) -> str:
    """An error as it says itself, in a line of bounded length."""
    told = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(told).split())[:SAID]
