"""One round of an agent: its calls of the LLM, in their places, and what becomes of their replies.

A reply that was cut off before it held a proposal says nothing of the model: it is asked for once
more, with more room, and is the harness' limit if it is cut off again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from haqa_bench.llm.reply import Reply, read_reply
from haqa_bench.protocols import ChatModel, ChatReply, ChatRequest, Position, Proposal
from haqa_bench.trial import Status, Usage

LONGEST_PROBLEM = 2000
"""Characters: a problem quotes the reply, and is quoted in all prompts that follow."""
WITHOUT_TEXT: Mapping[str, str] = {
    "tool_calls": "the reply is a tool call, where text was asked for",
    "function_call": "the reply is a function call, where text was asked for",
    "content_filter": "the endpoint's filter held the reply back",
}
"""What an empty reply is, by its `finish_reason`."""


class Round:
    """The calls of round `number`, from 1. `more_room`: how many times as many tokens a reply that
    was cut off gets once; 1 for no more.
    """

    def __init__(self, chat: ChatModel, number: int, more_room: int = 1) -> None:
        self.chat, self.number = chat, number
        self.answers: list[ChatReply] = []
        self.cut_off = False
        """Whether the last reply was cut off before it held what was asked for."""
        self._room, self._more = 1, more_room

    @property
    def said(self) -> str:
        """The last reply's words."""
        return self.answers[-1].content

    def ask(self, request: ChatRequest, key: str = "action") -> Reply:
        """What the LLM replies, read; asked again with more room where that helps."""
        sent = request.with_room(self._room)
        answer = self.chat.chat(sent, Position(self.number, len(self.answers) + 1))
        self.answers.append(answer)
        reply = read_reply(answer.content, key)
        self.cut_off = bool(reply.problem) and answer.cut_off
        if not self.cut_off:
            unsaid = WITHOUT_TEXT.get(answer.finish_reason) if not answer.content.strip() else None
            return reply._replace(problem=unsaid or reply.problem)
        if self._room < self._more and sent.max_tokens is not None:
            self._room = self._more
            return self.ask(request, key)
        room = "the endpoint's limit" if sent.max_tokens is None else f"{sent.max_tokens} tokens"
        return reply._replace(problem=f"the reply was cut off at {room}, before its proposal")

    def proposed(self, action: Mapping[str, Any], thought: str) -> Proposal:
        """A proposal."""
        return Proposal(action, "", thought, len(self.answers), usage_of(self.answers))

    def failed(self, problem: str, thought: str) -> Proposal:
        """None, and why."""
        status = Status.CUT_OFF if self.cut_off else Status.INVALID
        return Proposal(None, problem, thought, len(self.answers), usage_of(self.answers), status)


def in_words(problems: Sequence[str]) -> str:
    """What is wrong with an action, in a line that a prompt can hold."""
    line = "".join(c if c.isprintable() else " " for c in "; ".join(problems))
    return line if len(line) <= LONGEST_PROBLEM else f"{line[:LONGEST_PROBLEM]}…"


def usage_of(answers: Sequence[ChatReply]) -> Usage:
    """What `answers` cost together."""
    return Usage(
        seconds=sum(a.latency_s for a in answers),
        prompt_tokens=_sum([a.prompt_tokens for a in answers]),
        completion_tokens=_sum([a.completion_tokens for a in answers]),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [c for c in counts if c is not None]
    return sum(known) if len(known) == len(counts) else None
