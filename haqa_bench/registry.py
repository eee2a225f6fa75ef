"""Names to classes: the only place that imports by name."""

import importlib
from collections.abc import Sequence
from pathlib import Path

from haqa_bench.errors import HaqaError
from haqa_bench.protocols import ChatModel, Optimizer
from haqa_bench.suite import Method, Study

OPTIMIZERS = {
    "human": "haqa_bench.optimizers.human:Human",
    "random": "haqa_bench.optimizers.random_search:RandomSearch",
}
AGENTS = {
    "haqa": "haqa_bench.optimizers.agent.agent:Agent",
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


def optimizer(study: Study, chat: ChatModel | None, prompts: Path) -> Optimizer:
    """The optimizer of a study. An agent is handed its chat model."""
    name = study.method.optimizer
    if chat is not None and study.method.chat is not None:
        from haqa_bench.optimizers.agent.prompt import Prompts

        agent: Optimizer = _class(AGENTS[name])(study, study.method.chat, chat, Prompts(prompts))
        return agent
    plain: Optimizer = _class(OPTIMIZERS[name])(study)
    return plain


def _class(path: str) -> type:
    module, _, name = path.partition(":")
    found: type = getattr(importlib.import_module(module), name)
    return found
