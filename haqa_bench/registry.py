"""Names to classes: the only place that imports by name."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

from haqa_bench.errors import HaqaError
from haqa_bench.protocols import ChatModel, Optimizer
from haqa_bench.suite import Method, Study

OPTIMIZERS = {
    "human": "haqa_bench.optimizers.human:Human",
    "random": "haqa_bench.optimizers.random_search:RandomSearch",
    "local": "haqa_bench.optimizers.local_search:LocalSearch",
    "rules": "haqa_bench.optimizers.rules:Rules",
    "tpe": "haqa_bench.optimizers.optuna_samplers:tpe",
    "nsga2": "haqa_bench.optimizers.optuna_samplers:nsga2",
}
AGENTS = {
    "haqa": "haqa_bench.optimizers.agent.agent:Agent",
    "haqa-no-hardware": "haqa_bench.optimizers.agent.ladder:no_hardware",
    "haqa-no-react": "haqa_bench.optimizers.agent.ladder:no_react",
    "haqa-shuffled": "haqa_bench.optimizers.agent.ladder:Shuffled",
    "haqa-zero-shot": "haqa_bench.optimizers.agent.ladder:ZeroShot",
    "llm-seeded-bo": "haqa_bench.optimizers.agent.ladder:SeededTpe",
}


def check(methods: Sequence[Method]) -> None:
    """Raises HaqaError for a method whose optimizer does not exist, or that lacks, or cannot use, a chat."""
    for method in methods:
        where = f"method '{method.name}'"
        if method.optimizer not in OPTIMIZERS | AGENTS:
            raise HaqaError(where, f"unknown optimizer '{method.optimizer}'", f"Known: {', '.join(sorted(OPTIMIZERS | AGENTS))}")
        if (method.optimizer in AGENTS) != (method.chat is not None):
            wrong = "needs" if method.optimizer in AGENTS else "does not use"
            raise HaqaError(where, f"the optimizer '{method.optimizer}' {wrong} a chat: section")


def optimizer(study: Study, chat: ChatModel | None, templates: Path) -> Optimizer:
    """The optimizer of a study. An agent is handed its chat model."""
    name = study.method.optimizer
    if chat is not None and study.method.chat is not None:
        return _made_by(AGENTS[name])(study, study.method.chat, chat, templates)
    return _made_by(OPTIMIZERS[name])(study)


def _made_by(path: str) -> Callable[..., Optimizer]:
    module, _, name = path.partition(":")
    found: Callable[..., Optimizer] = getattr(importlib.import_module(module), name)
    return found
