"""Names to classes, ours and those of plug-ins (docs/plugins.md): the only place that imports by
name.
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from haqa_bench.errors import HaqaError
from haqa_bench.llm.endpoint import KEY
from haqa_bench.protocols import ChatModel, Optimizer
from haqa_bench.study import Method, Study

OPTIMIZERS = {
    "default": "haqa_bench.optimizers.default:Default",
    "random": "haqa_bench.optimizers.random_search:RandomSearch",
    "local": "haqa_bench.optimizers.local_search:LocalSearch",
    "rules": "haqa_bench.optimizers.rules:Rules",
    "smac": "haqa_bench.optimizers.smac_facade:Smac",
    "tpe": "haqa_bench.optimizers.optuna_samplers:tpe",
    "gp": "haqa_bench.optimizers.gaussian_process:GaussianProcess",
    "nsga2": "haqa_bench.optimizers.optuna_samplers:nsga2",
}
REVISIONS = {"random": 2, "rules": 2}
"""Of ours whose proposals changed, the present one: it is part of a run's identity, so that what is
of one revision is neither continued nor printed as another's. All others are of the first.
"""
AGENTS = {
    "haqa": "haqa_bench.optimizers.agent.agent:Agent",
    "haqa-no-hardware": "haqa_bench.optimizers.agent.ladder:no_hardware",
    "haqa-no-native": "haqa_bench.optimizers.agent.ladder:no_native",
    "haqa-no-react": "haqa_bench.optimizers.agent.ladder:no_react",
    "haqa-shuffled": "haqa_bench.optimizers.agent.ladder:Shuffled",
    "haqa-zero-shot": "haqa_bench.optimizers.agent.ladder:ZeroShot",
    "llm-seeded-bo": "haqa_bench.optimizers.agent.ladder:SeededTpe",
}


CHAT_MODELS = {
    "openai": "haqa_bench.llm.openai_compatible:OpenAICompatible",
}


def known(group: Literal["optimizers", "agents", "chat_models"]) -> dict[str, str]:
    """What there is of a group: name -> "module:Class". A plug-in's name never hides one of
    ours.
    """
    ours = {"optimizers": OPTIMIZERS, "agents": AGENTS, "chat_models": CHAT_MODELS}[group]
    return {point.name: point.value for point in entry_points(group=f"haqa_bench.{group}")} | ours


def check(methods: Sequence[Method]) -> None:
    """Raises HaqaError for a method whose optimizer does not exist, or that lacks, or cannot use, a
    chat.
    """
    optimizers, agents = OPTIMIZERS, AGENTS
    if any(method.optimizer not in OPTIMIZERS | AGENTS for method in methods):
        optimizers, agents = known("optimizers"), known("agents")
    for method in methods:
        where = f"method '{method.name}'"
        if method.optimizer not in optimizers | agents:
            raise HaqaError(
                where,
                f"unknown optimizer '{method.optimizer}'",
                f"Known: {', '.join(sorted(optimizers | agents))}",
            )
        if (method.optimizer in agents) != (method.chat is not None):
            wrong = "needs" if method.optimizer in agents else "does not use"
            raise HaqaError(where, f"the optimizer '{method.optimizer}' {wrong} a chat: section")


def revisions(methods: Iterable[Method]) -> dict[str, int]:
    """The revision of each method whose proposals are not those of its first, by its name."""
    known = {m.name: REVISIONS.get(m.optimizer, 1) for m in methods}
    return {name: revision for name, revision in known.items() if revision > 1}


def optimizer(study: Study, chat: ChatModel | None, templates: Path) -> Optimizer:
    """The optimizer of a study. An agent is handed its chat model."""
    name = study.method.optimizer
    found: Optimizer
    if chat is not None and study.method.chat is not None:
        path = AGENTS.get(name) or known("agents")[name]
        found = _loaded(name, path)(study, study.method.chat, chat, templates)
    else:
        found = _loaded(name, OPTIMIZERS.get(name) or known("optimizers")[name])(study)
    return found


def chat_model(
    name: str,
    base_url: str | None,
    timeout_s: float,
    retries: int,
    deadline_s: float | None = None,
    key_variable: str = KEY,
) -> ChatModel:
    """The live chat model of that name. A plug-in's keeps its own deadline and key.

    Raises:
        HaqaError: there is none (names those there are), or it cannot be loaded or made.
    """
    models = known("chat_models")
    if name not in models:
        raise HaqaError("--chat-model", f"unknown '{name}'", f"Known: {', '.join(sorted(models))}")
    ours = (deadline_s, key_variable) if name in CHAT_MODELS else ()
    found: ChatModel = _loaded(name, models[name])(base_url, timeout_s, retries, *ours)
    return found


def _loaded(name: str, path: str) -> Callable[..., Any]:
    module, _, attribute = path.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise HaqaError(
            f"'{name}' ({path})",
            f"cannot be loaded: {error}",
            "Install it, or what it needs, again",
        ) from None
    return found
