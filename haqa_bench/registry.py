"""Names to classes, ours and those of plug-ins (docs/plugins.md): the only place that imports by
name.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from haqa_bench import plugins
from haqa_bench.errors import HaqaError, PluginFailed, nearest
from haqa_bench.llm.endpoint import KEY
from haqa_bench.plugins import Plugin
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
COMPUTED: dict[str, tuple[str, ...]] = {
    "default": (),
    "random": (),
    "local": (),
    "rules": (),
    "smac": ("smac", "ConfigSpace", "numpy", "scipy", "scikit-learn"),
    "tpe": ("optuna", "numpy"),
    "gp": ("numpy", "scipy", "threadpoolctl"),
    "nsga2": ("optuna", "numpy"),
    "llm-seeded-bo": ("optuna", "numpy"),
}
"""Of ours whose proposals each replay computes anew, the libraries that they are computed with."""
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


OURS = {"optimizers": OPTIMIZERS, "agents": AGENTS, "chat_models": CHAT_MODELS}
BRINGS = "If a package brings it, install that"


def known(group: Literal["optimizers", "agents", "chat_models"]) -> Mapping[str, str]:
    """What there is of a group: name -> "module:Class". A plug-in's name never hides one of
    ours.
    """
    brought = {name: plugin.path for name, plugin in plugins.known(group).items()}
    return brought | OURS[group]


def check(methods: Sequence[Method]) -> None:
    """Raises HaqaError for a method whose optimizer does not exist, or that lacks, or cannot use, a
    chat.
    """
    optimizers, agents = {*known("optimizers")}, {*known("agents")}
    for method in methods:
        where = f"method '{method.name}'"
        if method.optimizer not in optimizers | agents:
            near = nearest(method.optimizer, sorted(optimizers | agents))
            unknown = f"unknown optimizer '{method.optimizer}'"
            raise HaqaError(where, unknown, f"{BRINGS}. {near}")
        if (method.optimizer in agents) != (method.chat is not None):
            wrong = "needs" if method.optimizer in agents else "does not use"
            raise HaqaError(where, f"the optimizer '{method.optimizer}' {wrong} a chat: section")


def plugin(method: Method) -> Plugin | None:
    """What brought the optimizer of a method; None for ours."""
    group: Literal["agents", "optimizers"] = "agents" if method.chat else "optimizers"
    ours = method.optimizer in OURS[group]
    return None if ours else plugins.known(group).get(method.optimizer)


def path(method: Method) -> str:
    """Where the optimizer of a method is: "module:Class"."""
    return known("agents" if method.chat else "optimizers").get(method.optimizer, "unknown")


def optimizer(study: Study, chat: ChatModel | None, templates: Path) -> Optimizer:
    """The optimizer of a study. An agent is handed its chat model; a plug-in, copies of the cell
    and the method, since it may change them.

    Raises:
        HaqaError: its options are wrong, or it cannot be loaded.
    """
    method = study.method
    make = _loaded(f"'{method.optimizer}' ({path(method)})", path(method))
    if plugin(method) is not None:
        copied = study.cell.model_copy(deep=True), method.model_copy(deep=True)
        study = study._replace(cell=copied[0], method=copied[1])
    found: Optimizer
    if chat is not None and method.chat is not None:
        found = make(study, method.chat, chat, templates)
    else:
        found = make(study)
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
        raise HaqaError("--chat-model", f"unknown '{name}'", nearest(name, sorted(models)))
    ours = (deadline_s, key_variable) if name in CHAT_MODELS else ()
    make = _loaded(f"'{name}' ({models[name]})", models[name])
    found: ChatModel = make(base_url, timeout_s, retries, *ours)
    return found


def _loaded(where: str, path: str) -> Callable[..., Any]:
    found = plugins.load(where, path)
    if not callable(found):
        raise PluginFailed(where, "is nothing that can be called", "Mend the entry point")
    return found
