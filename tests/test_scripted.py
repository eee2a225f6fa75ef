"""The stand-in for an LLM."""

import pytest

from haqa_bench.errors import ChatFailed
from haqa_bench.llm.scripted import Scripted
from haqa_bench.protocols import ChatRequest, Message, Position


def request(content: str) -> ChatRequest:
    return ChatRequest(
        model="any",
        messages=(Message(role="user", content=content),),
        temperature=0.0,
        seed=0,
        max_tokens=8,
    )


def test_replies_come_in_turn_and_requests_are_kept():
    model = Scripted(["one", ""])

    replies = [model.chat(request(content), Position(1, 1)) for content in ("a", "b")]

    assert [reply.content for reply in replies] == ["one", ""]
    assert {(reply.model, reply.finish_reason, reply.latency_s) for reply in replies} == {
        ("scripted", "stop", 0.0)
    }
    assert model.requests == [request("a"), request("b")]


def test_a_script_at_its_end_says_so():
    model = Scripted(["one"])
    model.chat(request("a"), Position(1, 1))

    with pytest.raises(
        ChatFailed,
        match=r"^scripted: request 2 has no reply: the script holds 1\. Give it more replies$",
    ):
        model.chat(request("b"), Position(2, 1))

    assert model.requests[-1] == request("b")
