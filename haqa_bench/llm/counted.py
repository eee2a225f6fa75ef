"""Counts what a study's LLM was kept from saying, to be told at the study's end."""

from haqa_bench.protocols import ChatModel, ChatReply, ChatRequest, Position


class Counted:
    """A ChatModel as it is, and how many of its replies were cut off."""

    def __init__(self, inner: ChatModel) -> None:
        self.inner, self.replies, self.cut_off = inner, 0, 0

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel."""
        reply = self.inner.chat(request, position)
        self.replies += 1
        self.cut_off += reply.cut_off
        return reply

    @property
    def told(self) -> str:
        """What is to be told; empty where nothing is."""
        if not self.cut_off:
            return ""
        of = f"{self.cut_off} of {self.replies} replies"
        return f"{of} were cut at max_tokens; give more in the suite's `chat:`"
