"""The door between a study and what proposes for it, which may be anybody's code: it is handed
copies, what it gives is checked, and whatever it raises ends its study alone.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench import plugins, registry
from haqa_bench.errors import CassetteMiss, ChatFailed, HaqaError, PluginFailed
from haqa_bench.parameters import plain
from haqa_bench.protocols import (
    ChatModel,
    ChatReply,
    ChatRequest,
    Optimizer,
    Position,
    Proposal,
)
from haqa_bench.space import Scalar
from haqa_bench.study import Study
from haqa_bench.trial import Status, Trial, Usage

FAILED = "optimizer failed"
LONGEST = 500
"""Characters of a problem that are kept, since a plug-in may propose anything."""


class Promised(NamedTuple):
    """An optimizer, and what it says of itself, checked."""

    optimizer: Optimizer
    settings: Mapping[str, Scalar]
    start_up: int


def made(study: Study, chat: ChatModel | None, templates: Path) -> Promised:
    """The optimizer of a study.

    Raises:
        PluginFailed: it cannot be loaded or made, or lacks settings or start_up.
        HaqaError: its options are wrong.
    """
    with registry.faults(study.method, FAILED, "as it was made"):
        try:
            found = registry.optimizer(study, chat, templates)
        except PluginFailed as fault:
            raise PluginFailed(FAILED, f"{fault.where}: {fault.what}", fault.todo) from fault
        return Promised(found, _settings(found.settings), _start_up(found.start_up))


def _settings(found: object) -> Mapping[str, Scalar]:
    if not isinstance(found, Mapping):
        raise TypeError(f"its settings are of the type {type(found).__name__}, not a mapping")
    return {str(name): _setting(str(name), plain(value)) for name, value in found.items()}


def _setting(name: str, value: object) -> Scalar:
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, bool | int | str):
        return value
    raise TypeError(f"its setting {name} is no finite number, text or bool: {value!r}")


def _start_up(found: object) -> int:
    count = plain(found)
    if type(count) is not int or count < 0:
        raise TypeError(f"its start_up is no count: {found!r}")
    return count


class Asked:
    """An optimizer behind the door: it keeps its promises, or raises PluginFailed."""

    def __init__(self, study: Study, optimizer: Optimizer) -> None:
        self.study, self.optimizer = study, optimizer
        self.plugin = registry.plugin(study.method)
        self._handed: list[Trial] = []

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. A configuration is one of the space, or there is none and a problem.

        Raises:
            PluginFailed: it raised something, changed what it was handed, or gave no Proposal.
        """
        doing, handed = f"round {len(history)}", self._copies(history)
        who = f"{registry.said(self.study.method)}, {doing}"
        with registry.faults(self.study.method, FAILED, doing):
            found = self._answer(who, handed)
            self._unchanged(history)
            if found is None and len(history) == 1 and self.plugin:
                raise ValueError("it proposes nothing: its first answer is None")
            return None if found is None else self._checked(found)

    def _answer(self, who: str, handed: tuple[Trial, ...]) -> object:
        """Faults that are told to the user are ours to raise, not a plug-in's."""
        try:
            return self.optimizer.ask(handed)
        except (CassetteMiss, ChatFailed, PluginFailed):
            raise
        except HaqaError as fault:
            if self.plugin is None:
                raise
            raise PluginFailed(FAILED, f"{who}: {fault}") from fault

    def _copies(self, history: Sequence[Trial]) -> tuple[Trial, ...]:
        """The history in copies of its own, so that it can change nothing of ours."""
        del self._handed[len(history) :]
        self._handed += [_copy(trial) for trial in history[len(self._handed) :]]
        return tuple(self._handed)

    def _unchanged(self, history: Sequence[Trial]) -> None:
        for handed, own in zip(self._handed, history, strict=True):
            same = handed.configuration == own.configuration and handed.facts == own.facts
            if not same or handed.status is not own.status:
                self._handed.clear()
                raise ValueError(f"it changed the history that it was handed (trial {own.number})")

    def _checked(self, found: object) -> Proposal:
        if not isinstance(found, Proposal):
            raise TypeError(f"it gave a {type(found).__name__}, not a Proposal or None")
        proposal = found._replace(problem=_text(found.problem), thought=_text(found.thought))
        if type(found.attempts) is not int or not isinstance(found.usage, Usage | None):
            raise TypeError("its Proposal's attempts are no int, or its usage is no Usage")
        if not isinstance(found.status, Status):
            raise TypeError("its Proposal's status is no Status")
        if found.configuration is None:
            return proposal
        space = self.study.cell.space
        meant = space.meant(found.configuration)
        if space.holds(meant):
            return proposal._replace(configuration=meant)
        problem = "; ".join(space.problems(meant))[:LONGEST]
        return proposal._replace(configuration=None, problem=problem, status=Status.INVALID)


def _copy(trial: Trial) -> Trial:
    own = None if trial.configuration is None else dict(trial.configuration)
    return trial.model_copy(update={"configuration": own, "facts": dict(trial.facts)})


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError(f"its Proposal's problem or thought is a {type(found).__name__}, not text")
    return found.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written


def live_chat(
    name: str,
    base_url: str | None,
    timeout_s: float,
    retries: int,
    deadline_s: float | None,
    key_variable: str,
) -> ChatModel:
    """The live chat model of that name; a plug-in's behind the door.

    Raises:
        HaqaError: there is none.
        PluginFailed: it cannot be loaded or made.
    """
    bounds = (timeout_s, retries, deadline_s, key_variable)
    if name in registry.CHAT_MODELS:
        return registry.chat_model(name, base_url, *bounds)
    path = registry.known("chat_models").get(name, "")
    with plugins.faults("chat model failed", f"'{name}' ({path}), as it was made", path):
        return AskedChat(name, registry.chat_model(name, base_url, *bounds))


class AskedChat:
    """A plug-in's chat model behind the door."""

    def __init__(self, name: str, chat: ChatModel) -> None:
        self.name, self.model = name, chat
        self.endpoint = str(getattr(chat, "endpoint", "not stated"))

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel.

        Raises:
            PluginFailed: it raised something else than it may, or gave no reply.
        """
        path = registry.known("chat_models").get(self.name, "")
        where = f"round {position.round}, attempt {position.attempt}"
        with plugins.faults("chat model failed", f"'{self.name}' ({path}), {where}", path):
            found: object = self.model.chat(request, position)
            if not isinstance(found, ChatReply):
                raise TypeError(f"it gave a {type(found).__name__}, not a ChatReply")
            return found
