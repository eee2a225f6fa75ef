"""A ChatModel without an LLM: it gives prepared answers, for tests, examples and trying a new
agent.
"""

from collections.abc import Sequence

from haqa_bench.errors import ChatFailed
from haqa_bench.protocols import ChatReply, ChatRequest, Position


class Scripted:
    """Answers with `replies`, one a call, whatever it is asked. What it was asked is in
    `requests`.
    """

    def __init__(self, replies: Sequence[str]) -> None:
        self._replies = tuple(replies)
        self.requests: list[ChatRequest] = []

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """The next reply.

        Raises:
            ChatFailed: all replies have been given.
        """
        self.requests.append(request)
        if len(self.requests) > len(self._replies):
            asked, given = len(self.requests), len(self._replies)
            raise ChatFailed(
                "scripted",
                f"request {asked} has no reply: the script holds {given}",
                "Give it more replies",
            )
        return ChatReply(
            content=self._replies[len(self.requests) - 1],
            model="scripted",
            finish_reason="stop",
            latency_s=0.0,
        )
