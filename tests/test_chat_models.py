"""What every chat model must do, whoever answers."""

import threading
from contextlib import contextmanager

import pytest
from endpoint import Endpoint, refusing_url, reply

from haqa_bench.llm import cassette
from haqa_bench.llm.cassette import ReplayChatModel
from haqa_bench.llm.openai_compatible import OpenAICompatible
from haqa_bench.llm.recording import RecordingChatModel
from haqa_bench.llm.relay import Relay
from haqa_bench.llm.scripted import Scripted
from haqa_bench.testing import ASKED, REPLIES, ChatModelContract

CARD = {"study": "a study", "answered_by": "a script", "run": "a run", "endpoint": "not stated"}


@pytest.fixture(autouse=True)
def own_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setattr("haqa_bench.llm.questions.POLL_S", 0.02)
    monkeypatch.setattr("haqa_bench.llm.questions.SETTLED_S", 0.05)
    monkeypatch.setattr("haqa_bench.llm.questions.UNSURE_S", 0.05)


class TestScripted(ChatModelContract):
    @contextmanager
    def answering(self, folder):
        yield Scripted(REPLIES)

    @contextmanager
    def failing(self, folder):
        yield Scripted([])


class TestOpenAICompatible(ChatModelContract):
    @contextmanager
    def answering(self, folder):
        with Endpoint([reply(content) for content in REPLIES]) as endpoint:
            yield OpenAICompatible(endpoint.base_url, timeout_s=5.0, retries=0)

    @contextmanager
    def failing(self, folder):
        yield OpenAICompatible(refusing_url(), timeout_s=1.0, retries=0)


class TestRecording(ChatModelContract):
    @contextmanager
    def answering(self, folder):
        yield RecordingChatModel(Scripted(REPLIES), folder / "s0.jsonl", CARD)

    @contextmanager
    def failing(self, folder):
        yield RecordingChatModel(Scripted([]), folder / "s0.jsonl", CARD)


class TestReplay(ChatModelContract):
    @contextmanager
    def answering(self, folder):
        yield ReplayChatModel(recorded(folder, REPLIES), CARD["study"])

    @contextmanager
    def failing(self, folder):
        yield ReplayChatModel(recorded(folder, ()), CARD["study"])


def recorded(folder, replies):
    """A cassette of the contract's questions."""
    target = folder / "s0.jsonl"
    recording = RecordingChatModel(Scripted(replies), target, CARD)
    for _, (request, position) in zip(replies, ASKED, strict=False):
        recording.chat(request, position)
    recording.finish()
    return cassette.read(target)


class TestRelay(ChatModelContract):
    @contextmanager
    def answering(self, folder):
        over = threading.Event()
        somebody = threading.Thread(target=write_answers, args=(folder, over))
        somebody.start()
        with Relay(folder) as relay:
            try:
                yield OpenAICompatible(relay.base_url, timeout_s=5.0, retries=0)
            finally:
                over.set()
                somebody.join()

    @contextmanager
    def failing(self, folder):
        with Relay(folder) as relay:
            yield OpenAICompatible(relay.base_url, timeout_s=0.2, retries=0)


def write_answers(folder, over):
    """Plays the LLM: the contract's replies, one a request, until it is over."""
    while not over.wait(0.02):
        for number, content in enumerate(REPLIES, 1):
            asked, answer = (folder / f"{number:04}.{kind}.md" for kind in ("request", "answer"))
            if asked.exists() and not answer.exists():
                answer.write_text(content, "utf-8")
