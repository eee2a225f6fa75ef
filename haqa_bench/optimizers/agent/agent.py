"""The HAQA agent: static and dynamic prompt, a thought and an action, the measured outcome as the
next observation.

Paper: the loop and the two prompts, as its abstract and summaries describe them. Ours: the wording,
one repair attempt, the rule for the history. What it sends depends on the study and the trials
alone; what an answerer remembers beside that is not in its hands (docs/agent.md).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from haqa_bench.documents import JsonObject
from haqa_bench.optimizers.agent import styles
from haqa_bench.optimizers.agent.round import Round, in_words
from haqa_bench.protocols import ChatModel, ChatRequest, Message, Proposal
from haqa_bench.space import Scalar
from haqa_bench.study import Chat, Study
from haqa_bench.trial import Trial

ATTEMPTS = 2


class Agent:
    """Asks an LLM for each configuration, with the words of the folder `templates`, in the style
    that its options say: `haqa`, or `paper`, of which `history` rounds are shown.
    """

    start_up = 0

    def __init__(
        self, study: Study, settings: Chat, chat: ChatModel, templates: Path, **shown: bool
    ) -> None:
        """`shown`: what prompts hold or leave out, as Prompts takes it."""
        self.cell, self.seed, self.asks, self.chat = study.cell, study.seed, settings, chat
        self.prompts = styles.prompts(study, templates, **shown)
        self.settings: Mapping[str, Scalar] = {
            **self.prompts.shown,
            "attempts": ATTEMPTS,
            **self.prompts.said,
        }

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. An invalid action gets one repair attempt with the problem shown, then is
        a proposal without configuration; a reply that was cut off is none of these.
        """
        messages, space = self.prompts.messages(self.cell, history), self.cell.space
        turns = Round(self.chat, len(history), self.asks.more_room)
        for left in range(ATTEMPTS - 1, -1, -1):
            reply = turns.ask(self.request(messages))
            action = space.rounded(self.prompts.completed(self.cell, reply.action, history))
            problem = reply.problem or in_words(space.problems(action))
            if not problem and space.holds(action):
                return turns.proposed(action, reply.thought)
            if turns.cut_off or not left:
                break
            messages += [
                Message(role="assistant", content=turns.said or "(empty reply)"),
                Message(role="user", content=self.prompts.repair(problem, not space.held.finite)),
            ]
        return turns.failed(problem, reply.thought)

    def request(self, messages: Sequence[Message], count: int | None = None) -> ChatRequest:
        """A conversation with the suite's settings, as it is sent; where `count` is given, it is to
        be answered by so many actions.
        """
        return self.asks.request(messages, self.seed, self._response_format(self._schema(count)))

    def _response_format(self, schema: JsonObject) -> JsonObject | None:
        if self.asks.response_format == "json_schema":
            return {
                "type": "json_schema",
                "json_schema": {"name": "proposal", "strict": True, "schema": schema},
            }
        if self.asks.response_format == "json_object":
            return {"type": "json_object", "schema": schema}
        return None

    def _schema(self, count: int | None) -> JsonObject:
        """The reply's form: the thought first, then one choice for each parameter."""
        parameters = self.cell.space.root
        action = _object({name: p.as_schema() for name, p in parameters.items()})
        answer = (
            {"action": action}
            if count is None
            else {
                "actions": {"type": "array", "items": action, "minItems": count, "maxItems": count}
            }
        )
        return _object(
            {"thought": {"type": "string"}, **answer} if self.prompts.shown["react"] else answer
        )


def _object(properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
