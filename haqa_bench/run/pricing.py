"""What a proposal's tokens cost, where a study asks several LLMs, each at its own price.

A study with one LLM is priced by the sum of its tokens (haqa_bench.run.study).
"""

from collections.abc import Mapping, Sequence

from haqa_bench.protocols import ChatModel, ChatReply, ChatRequest, Optimizer, Position, Proposal
from haqa_bench.study import Price, Study
from haqa_bench.trial import Trial, Usage


class Till:
    """A study's LLMs as they are, and what was paid them since it was last emptied."""

    def __init__(self, inner: ChatModel, prices: Mapping[str, Price]) -> None:
        self.inner, self.prices = inner, prices
        self._paid: list[float | None] = []

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel."""
        reply = self.inner.chat(request, position)
        used = Usage(
            seconds=reply.latency_s,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
        )
        self._paid.append(dollars(used, self.prices.get(request.section)))
        return reply

    def emptied(self) -> float | None:
        """US dollars; None where the price of a call, or its tokens, are not known."""
        paid, self._paid = self._paid, []
        known = [one for one in paid if one is not None]
        return sum(known) if len(known) == len(paid) else None


class Priced:
    """An optimizer whose proposals say what the calls of the till cost."""

    def __init__(self, inner: Optimizer, till: Till) -> None:
        self.inner, self.till = inner, till
        self.settings, self.start_up = inner.settings, inner.start_up

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        self.till.emptied()
        found = self.inner.ask(history)
        usage = found.usage if isinstance(found, Proposal) else None
        if found is None or not isinstance(usage, Usage):
            return found
        return found._replace(usage=usage.model_copy(update={"dollars": self.till.emptied()}))


def priced(study: Study, number: int, usage: Usage | None) -> Usage | None:
    """The usage of a trial with its dollars, where the study that asked for it has one LLM whose
    price is known.
    """
    cost = dollars(usage, study.asked_by(number).price) if usage else None
    return usage.model_copy(update={"dollars": cost}) if usage and cost is not None else usage


def dollars(usage: Usage, price: Price | None) -> float | None:
    """What tokens cost, in US dollars; None where they or the price are not known."""
    if price is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    read = usage.prompt_tokens * price.usd_per_million_prompt_tokens
    written = usage.completion_tokens * price.usd_per_million_completion_tokens
    return (read + written) / 1e6
