"""Controls for the agent: each takes one thing away, to show what that thing is worth. Each is a
small composition of the agent, and takes its options, in either style of prompts.

| control | what is taken away |
| --- | --- |
| haqa-no-hardware | the hardware's facts, and the hints that go with them |
| haqa-no-native | its number formats and their rates: whether they give the bit-width away |
| haqa-no-hints | what somebody who writes a kernel asks of the device and its compiler |
| haqa-no-react | the thought before the action |
| haqa-shuffled | what the feedback says: outcomes are exchanged among the trials |
| haqa-zero-shot | the feedback: all proposals at once |
| llm-seeded-bo | the agent, after its first proposals: TPE goes on |

`haqa-paper` takes nothing away: it is the agent in the style `paper` (styles.py).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from haqa_bench.optimizers.agent import styles
from haqa_bench.optimizers.agent.agent import Agent
from haqa_bench.optimizers.agent.round import Round, in_words
from haqa_bench.optimizers.optuna_samplers import tpe
from haqa_bench.optimizers.seeding import generator
from haqa_bench.protocols import ChatModel, Message, Optimizer, Proposal
from haqa_bench.space import Scalar
from haqa_bench.study import Chat, Study
from haqa_bench.trial import Trial

SEEDING_ROUNDS = 3
"""How many proposals of the LLM come before TPE's. Ours: a small share of a short budget."""


def no_hardware(study: Study, settings: Chat, chat: ChatModel, templates: Path) -> Optimizer:
    """The agent without the hardware's facts and hints."""
    return Agent(study, settings, chat, templates, hints=False)


def no_native(study: Study, settings: Chat, chat: ChatModel, templates: Path) -> Optimizer:
    """The agent without the hardware's native number formats and their rates."""
    return Agent(study, settings, chat, templates, native=False)


def no_hints(study: Study, settings: Chat, chat: ChatModel, templates: Path) -> Optimizer:
    """The agent without what somebody who writes a kernel asks of the device and its compiler."""
    return Agent(study, settings, chat, templates, asked=False)


def no_react(study: Study, settings: Chat, chat: ChatModel, templates: Path) -> Optimizer:
    """The agent with the action alone."""
    return Agent(study, settings, chat, templates, react=False)


class Shuffled:
    """The agent, shown its trials with their outcomes exchanged at random: the form of feedback
    without its content.
    """

    start_up = 0

    def __init__(self, study: Study, settings: Chat, chat: ChatModel, templates: Path) -> None:
        self.agent, self.seed = Agent(study, settings, chat, templates), study.seed
        self.settings: Mapping[str, Scalar] = {**self.agent.settings, "shuffled": True}

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. The default keeps its own outcome, which the constraints refer to."""
        outcomes = list(history[1:])
        generator(self.seed, len(history)).shuffle(outcomes)
        shown = [
            own.model_copy(
                update={
                    "status": other.status,
                    "reason": other.reason,
                    "measurements": other.measurements,
                    "facts": other.facts,
                }
            )
            for own, other in zip(history[1:], outcomes, strict=True)
        ]
        return self.agent.ask([history[0], *shown])


class ZeroShot:
    """One request for all proposals. An action that is missing or outside the space is an invalid
    proposal; there is no repair.
    """

    start_up = 0

    def __init__(self, study: Study, settings: Chat, chat: ChatModel, templates: Path) -> None:
        self.cell, self.chat, self.agent = study.cell, chat, Agent(study, settings, chat, templates)
        self.settings: Mapping[str, Scalar] = {
            "requests": 1,
            "attempts": 1,
            **self.agent.prompts.said,
        }

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. The request is the same each time, and so is its place: it is answered
        once.
        """
        prompts, budget = self.agent.prompts, self.cell.budget
        count = budget.left(budget.spent(history[:1]))
        messages = [
            Message(role="system", content=prompts.static(self.cell)),
            Message(role="user", content=prompts.zero_shot(count)),
        ]
        turns = Round(self.chat, 1, self.agent.asks.more_room)
        reply = turns.ask(self.agent.request(messages, count), "actions")
        actions = reply.action if isinstance(reply.action, list) else []
        if len(history) > len(actions):
            missing = reply.problem or f"the list of actions has only {len(actions)}"
            found = turns.failed(missing, reply.thought)
        else:
            space = self.cell.space
            action = space.rounded(actions[len(history) - 1])
            found = (
                turns.proposed(action, reply.thought)
                if space.holds(action)
                else turns.failed(in_words(space.problems(action)), reply.thought)
            )
        return found._replace(usage=found.usage if len(history) == 1 else None)


class SeededTpe:
    """The LLM's first proposals, then TPE on all that is known."""

    start_up = 0

    def __init__(self, study: Study, settings: Chat, chat: ChatModel, templates: Path) -> None:
        self.agent = Agent(styles.apart(study, own=True), settings, chat, templates)
        self.tpe = tpe(styles.apart(study, own=False))
        self.settings: Mapping[str, Scalar] = {
            "rounds": SEEDING_ROUNDS,
            **self.agent.prompts.said,
            **self.tpe.settings,
        }

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        return self.agent.ask(history) if len(history) <= SEEDING_ROUNDS else self.tpe.ask(history)
