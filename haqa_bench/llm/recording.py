"""The chat model that records.

What is being recorded lies beside the cassette, belongs to one run, one endpoint and one model, and
takes the cassette's place when it is whole.
"""

import datetime
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from haqa_bench import disk
from haqa_bench.documents import JsonObject, sha256
from haqa_bench.errors import ChatFailed, HaqaError
from haqa_bench.llm.cassette import FORMAT, Cassette, asked_by, key_of, parsed, read
from haqa_bench.llm.reply import read_reply
from haqa_bench.protocols import ChatModel, ChatReply, ChatRequest, Position
from haqa_bench.store import manifest
from haqa_bench.store.journal import Journal, finished

PARTIAL = ".jsonl.partial"
FRESH = "Or start anew with --fresh"


class RecordingChatModel:
    """Passes requests on and writes each exchange, flushed, beside the cassette; `finish` swaps it
    in, and `close` lets others record.

    A recording that was cut goes on: what it holds is not asked again. `card` names the run that it
    belongs to, and the endpoint; `asked` are the rounds that the run has had already.

    Raises:
        HaqaError: somebody else records this study, or the recording there is of another run or
        endpoint, was begun with other settings, or lacks a round.
    """

    def __init__(
        self,
        inner: ChatModel,
        target: Path,
        card: Mapping[str, Any],
        asked: Collection[int] = (),
    ) -> None:
        self.inner, self.target = inner, target
        self._lock = _held(target)
        try:
            self.journal = Journal(target.with_suffix(PARTIAL))
            self.card = {"kind": "card", "format": FORMAT, **card}
            if not self.journal.entries:
                today = datetime.datetime.now(datetime.UTC).date().isoformat()
                self.journal.append(self.card | {"recorded": today})
            _check_goes_on(self.journal, self.card)
            _check_covers(self.journal, asked)
        except HaqaError:
            self.close()
            raise

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel.

        Raises:
            ChatFailed: also where another model answers than the one that the recording began with.
        """
        body = request.body()
        key = key_of(self.card["study"], position, body, request.section)
        for entry in _exchanges(self.journal):
            if entry["key"] == key:
                return ChatReply.model_validate_json(json.dumps(entry["reply"]))
        place = {"round": position.round, "attempt": position.attempt, "key": key}
        place |= asked_by(request.section)
        try:
            reply = self.inner.chat(request, position)
            self._check_model(reply, request.section)
        except ChatFailed as failure:
            self.journal.append({"kind": "failure", **place, "what": failure.what})
            raise
        folded = body | {"messages": [self._folded(m) for m in body["messages"]]}
        action = read_reply(reply.content).action
        self.journal.append(
            {
                "kind": "exchange",
                **place,
                "request": folded,
                "reply": reply.model_dump(mode="json"),
                "action": action,
            }
        )
        return reply

    def finish(self) -> None:
        """Puts the finished cassette in its place.

        Raises:
            HaqaError: a longer one is there, which stays; or it could not be replayed.
        """
        _finish(self.journal, self.target)

    def close(self) -> None:
        """Lets others record this study."""
        self._lock.release()

    def _check_model(self, reply: ChatReply, section: str) -> None:
        for known in _models(self.journal, section)[:1]:
            if reply.model != known:
                where = self.card.get("endpoints", {}).get(section, self.card["endpoint"])
                what = f"'{reply.model}' answers, and this recording began with '{known}'"
                raise ChatFailed(where, what, f"Go on with that one. {FRESH}")

    def _folded(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        if message["role"] != "system":
            return message
        digest = sha256(message["content"].encode())
        if all(entry.get("sha256") != digest for entry in self.journal.entries):
            self.journal.append({"kind": "text", "sha256": digest, "text": message["content"]})
        return {**message, "content": f"sha256:{digest}"}


def endpoint_of(model: ChatModel) -> str:
    """Where a model answers, as its recordings say it: on this machine, the port is nobody's."""
    endpoint = str(getattr(model, "endpoint", "not stated"))
    return re.sub(r"(//(?:127\.0\.0\.1|localhost|\[::1\])):\d+", r"\1", endpoint)


def settle(target: Path, run: str, asked: Collection[int]) -> None:
    """Finishes the recording of a study whose trials are done, where it was killed before that. One
    that another run has begun is left alone.

    Raises:
        HaqaError: there is no recording of them any more.
    """
    partial = target.with_suffix(PARTIAL)
    if not partial.is_file():
        if not target.is_file():
            raise HaqaError(target, "its trials are done, and its recording is gone", FRESH[3:])
        return
    lock = _held(target)
    try:
        journal = Journal(partial)
        if journal.entries and journal.entries[0].get("run") == run:
            _check_covers(journal, asked)
            _finish(journal, target)
    finally:
        lock.release()


def forget(target: Path) -> None:
    """Removes what has been recorded so far of a study; what is finished stays.

    Raises:
        HaqaError: somebody records it at the moment.
    """
    partial = target.with_suffix(PARTIAL)
    if partial.is_file():
        lock = _held(target)
        partial.unlink()
        lock.release()


def _held(target: Path) -> FileLock:
    """A lock on the recording of a study, held."""
    what, todo = "another process is recording this study", "Wait for it, or end it"
    return disk.held(target.with_suffix(f"{PARTIAL}.lock"), HaqaError(target, what, todo))


def _check_goes_on(journal: Journal, card: Mapping[str, Any]) -> None:
    """Raises HaqaError where a recording that was begun is not what is to be recorded now."""
    begun, todo = journal.entries[0], f"Finish it with those. {FRESH}"
    if begun.get("run") != card["run"]:
        run = begun.get("run", "another version's")
        todo = f"Finish that one with its own command. {FRESH}"
        raise HaqaError(journal.path, f"is the unfinished recording of the run {run}", todo)
    for name in ("endpoint", "endpoints"):
        if begun.get(name) != card.get(name):
            what = f"was begun at {begun.get(name)}, not at {card.get(name)}"
            raise HaqaError(journal.path, what, f"Go on there. {FRESH}")
    if {**begun, "recorded": "", "fresh": ""} != {**card, "recorded": "", "fresh": ""}:
        what = "was begun with other templates, settings or measurements"
        raise HaqaError(journal.path, what, todo)


def _check_covers(journal: Journal, asked: Collection[int]) -> None:
    """Raises HaqaError where a recording lacks a round that its run has had."""
    lacking = sorted(set(asked) - {entry["round"] for entry in _exchanges(journal)})
    if lacking:
        what = f"lacks round {lacking[0]}, which the run's journal has"
        raise HaqaError(journal.path, what, f"Restore it. {FRESH}")


def _exchanges(journal: Journal) -> list[JsonObject]:
    return [entry for entry in journal.entries if entry.get("kind") == "exchange"]


def _models(journal: Journal, section: str = "") -> list[str]:
    """The models that answered a section, as the endpoint named them."""
    asked = (e for e in _exchanges(journal) if e.get("chat", "") == section)
    return list(dict.fromkeys(str(entry["reply"]["model"]) for entry in asked))


def _finish(journal: Journal, target: Path) -> None:
    card, *lines = journal.entries
    new = parsed(journal.path, [card, *lines])  # what could not be replayed stays where it is
    if not card.get("fresh") and target.is_file():
        _check_longer(new, read(target))
    told = {name: value for name, value in card.items() if name != "fresh"}
    told["model_answered"] = ", ".join(_models(journal))
    if others := card.get("endpoints"):
        told["models_answered"] = {name: ", ".join(_models(journal, name)) for name in others}
    manifest.write(target, finished([told, *lines]))
    journal.path.unlink()


def _check_longer(new: Cassette, old: Cassette) -> None:
    """Raises HaqaError where a recording would take the place of a longer one."""
    if len(new.exchanges) < len(old.exchanges):
        what = (
            f"holds {len(old.exchanges)} exchanges, and the new recording {len(new.exchanges)}: it "
            f"was kept, and the new one lies beside it as {new.path.name}"
        )
        raise HaqaError(old.path, what, "To record anew whatever is there: --fresh")
