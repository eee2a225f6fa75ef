"""Cassettes: the recorded exchanges of one agent study, and the chat model that replays them.

A cassette is JSON lines: a `card` (who or what answered, where, when, with which templates, space
and measurements), `text`s (static prompts, once each, by hash), `exchange`s, `failure`s (calls that
gave no reply), and an end. An exchange's key is the SHA-256 of its whole request body and its
place: study, round, attempt. A replay answers only the very request that was recorded.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from haqa_bench.documents import JsonObject, check_format, sha256
from haqa_bench.errors import CassetteMiss, HaqaError
from haqa_bench.protocols import ChatReply, ChatRequest, Position
from haqa_bench.store.journal import read_finished

FORMAT = 2
"""Of cassettes; those of the first have no chain of hashes."""


class Exchange(NamedTuple):
    """A recorded request body and its reply; `section` is the one of its method's `chats:` that
    asked, empty for `chat:`.
    """

    position: Position
    key: str
    body: Mapping[str, Any]
    reply: ChatReply
    section: str = ""

    @property
    def name(self) -> str:
        """Where it stands, in words."""
        of = f"{self.section}, " if self.section else ""
        return f"recorded {of}round {self.position.round}, attempt {self.position.attempt}"


class Cassette(NamedTuple):
    """A cassette's card and exchanges."""

    path: Path
    card: Mapping[str, Any]
    exchanges: tuple[Exchange, ...]
    failures: int


def key_of(study: str, position: Position, body: Mapping[str, Any], section: str = "") -> str:
    """What must be equal for a recorded reply to answer a request."""
    place = {"study": study, "round": position.round, "attempt": position.attempt}
    return sha256({**place, **asked_by(section), "body": body})


def asked_by(section: str) -> dict[str, str]:
    """What a line says of the section that asked; nothing of `chat:`."""
    return {"chat": section} if section else {}


def read(path: Path) -> Cassette:
    """The cassette at `path`.

    Raises:
        HaqaError: missing, cut, or an exchange that is not what its key says; names the line.
    """
    if not path.is_file():
        raise HaqaError(
            path, "no such cassette", "Record it with: haqa-bench run SUITE --agent live"
        )
    return parsed(path, read_finished(path))


def parsed(path: Path, lines: list[JsonObject]) -> Cassette:
    """The cassette that lines, which stand at `path`, make; errors as `read`."""
    if not lines or lines[0].get("kind") != "card" or not lines[0].keys() >= _TOLD:
        raise HaqaError(f"{path}:1", "not a cassette: the first line is no card")
    card, texts, exchanges = lines[0], dict[str, str](), []
    check_format(f"{path}:1", card, FORMAT)
    for number, line in enumerate(lines[1:], 2):
        try:
            if line["kind"] == "text":
                texts[line["sha256"]] = line["text"]
            elif line["kind"] == "exchange":
                exchanges.append(_exchange(line, texts, card["study"]))
            elif line["kind"] != "failure":
                raise ValueError(f"a line of an unknown kind, {line['kind']!r}")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise HaqaError(
                f"{path}:{number}",
                f"damaged exchange: {error!r}".splitlines()[0],
                "Restore the file, or record it again",
            ) from None
    return Cassette(path, card, tuple(exchanges), sum(line["kind"] == "failure" for line in lines))


_TOLD = {"study", "answered_by", "recorded"}
"""What every card says."""


def _exchange(line: Mapping[str, Any], texts: Mapping[str, str], study: str) -> Exchange:
    request = line["request"]
    body = request | {"messages": [_unfolded(m, texts) for m in request["messages"]]}
    position = Position(line["round"], line["attempt"])
    section = str(line.get("chat", ""))
    if key_of(study, position, body, section) != line["key"]:
        raise ValueError("its request is not the one that its key was made from")
    reply = ChatReply.model_validate_json(json.dumps(line["reply"]))
    return Exchange(position, line["key"], body, reply, section)


def _unfolded(message: Mapping[str, Any], texts: Mapping[str, str]) -> Mapping[str, Any]:
    """A message with its text, which stands elsewhere where it is the system's."""
    content = str(message["content"])
    if message["role"] != "system" or not content.startswith("sha256:"):
        return message
    return {**message, "content": texts[content.removeprefix("sha256:")]}


class ReplayChatModel:
    """Answers from a cassette and never calls out.

    `match="request"` answers only the recorded request; `match="place"` answers by study, round and
    attempt, for proposals that are measured anew elsewhere, and `drifted` counts the prompts that
    differ.
    """

    def __init__(
        self, cassette: Cassette, study: str, match: Literal["request", "place"] = "request"
    ) -> None:
        self.cassette, self.study, self.match = cassette, study, match
        self.asked: list[Position] = []
        self.drifted: list[Position] = []
        self._answered: set[str] = set()

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel."""
        body = request.body()
        here = (position, request.section)
        known = (e for e in self.cassette.exchanges if (e.position, e.section) == here)
        exchange = next(known, None)
        if exchange is None or (
            self.match == "request"
            and exchange.key != key_of(self.study, position, body, request.section)
        ):
            raise self._miss(body, position, exchange)
        self.asked.append(position)
        self._answered.add(exchange.key)
        if exchange.body != body:
            self.drifted.append(position)
        return exchange.reply

    def unused(self) -> list[Position]:
        """Recorded exchanges, from the first that was asked on, that nobody asked for."""
        return [
            e.position
            for e in self.cassette.exchanges
            if self.asked and e.position > self.asked[0] and e.key not in self._answered
        ]

    def _miss(
        self, body: Mapping[str, Any], position: Position, here: Exchange | None
    ) -> CassetteMiss:
        wanted = list(_readable(body))
        nearest = here or max(
            self.cassette.exchanges,
            key=lambda e: difflib.SequenceMatcher(None, list(_readable(e.body)), wanted).ratio(),
            default=None,
        )
        place = f"{self.cassette.path}: round {position.round}, attempt {position.attempt}"
        todo = "Record it again with: haqa-bench run SUITE --agent live"
        if nearest is None:
            return CassetteMiss(place, "the cassette holds no exchange", todo)
        name = nearest.name
        diff = "\n".join(
            difflib.unified_diff(
                list(_readable(nearest.body)), wanted, name, "asked now", lineterm="", n=1
            )
        )
        same = "the request is recorded, but for another study or place"
        return CassetteMiss(
            place,
            f"no recorded exchange answers this request; nearest: {name}",
            f"{todo}\n{diff or same}",
        )


def _readable(body: Mapping[str, Any]) -> Iterator[str]:
    """A request body line by line, for diffs."""
    for name in sorted(body.keys() - {"messages"}):
        yield f"{name}: {json.dumps(body[name], sort_keys=True)}"
    for message in body["messages"]:
        yield f"[{message['role']}]"
        yield from message["content"].splitlines()
