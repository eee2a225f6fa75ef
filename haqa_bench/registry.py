"""Names to classes, ours and those of plug-ins (docs/plugins.md): the only place that imports by
name.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, NoReturn

import haqa_bench
from haqa_bench import plugins
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError, PluginFailed, nearest
from haqa_bench.llm.endpoint import KEY
from haqa_bench.optimizers.held import Held, without_source
from haqa_bench.plugins import Plugin
from haqa_bench.protocols import ChatModel, Optimizer
from haqa_bench.study import Chat, Method, Study

OPTIMIZERS = {
    "default": "haqa_bench.optimizers.default:Default",
    "fixed": "haqa_bench.optimizers.fixed:Fixed",
    "random": "haqa_bench.optimizers.random_search:RandomSearch",
    "local": "haqa_bench.optimizers.local_search:LocalSearch",
    "rules": "haqa_bench.optimizers.rules:Rules",
    "smac": "haqa_bench.optimizers.smac_facade:Smac",
    "tpe": "haqa_bench.optimizers.optuna_samplers:tpe",
    "gp": "haqa_bench.optimizers.gaussian_process:GaussianProcess",
    "nsga2": "haqa_bench.optimizers.optuna_samplers:nsga2",
    "asha": "haqa_bench.optimizers.successive_halving:asha",
    "hyperband": "haqa_bench.optimizers.successive_halving:hyperband",
}
COMPUTED: dict[str, tuple[str, ...]] = {
    "default": (),
    "fixed": (),
    "random": (),
    "local": (),
    "rules": (),
    "smac": ("smac", "ConfigSpace", "numpy", "scipy", "scikit-learn"),
    "tpe": ("optuna", "numpy"),
    "gp": ("numpy", "scipy", "threadpoolctl"),
    "nsga2": ("optuna", "numpy"),
    "asha": ("optuna", "numpy"),
    "hyperband": ("optuna", "numpy"),
    "llm-seeded-bo": ("optuna", "numpy"),
}
"""Of ours whose proposals each replay computes anew, the libraries that they are computed with."""
AGENTS = {
    "haqa": "haqa_bench.optimizers.agent.agent:Agent",
    "haqa-paper": "haqa_bench.optimizers.agent.agent:Agent",
    "haqa-no-hardware": "haqa_bench.optimizers.agent.ladder:no_hardware",
    "haqa-no-native": "haqa_bench.optimizers.agent.ladder:no_native",
    "haqa-no-hints": "haqa_bench.optimizers.agent.ladder:no_hints",
    "haqa-no-react": "haqa_bench.optimizers.agent.ladder:no_react",
    "haqa-shuffled": "haqa_bench.optimizers.agent.ladder:Shuffled",
    "haqa-zero-shot": "haqa_bench.optimizers.agent.ladder:ZeroShot",
    "llm-seeded-bo": "haqa_bench.optimizers.agent.ladder:SeededTpe",
}


CHAT_MODELS = {
    "openai": "haqa_bench.llm.openai_compatible:OpenAICompatible",
}


OURS: dict[Literal["optimizers", "agents", "chat_models"], dict[str, str]] = {
    "optimizers": OPTIMIZERS,
    "agents": AGENTS,
    "chat_models": CHAT_MODELS,
}
AGENT = ("study", "settings", "chat", "templates")
OPTIMIZER = ("study",)
"""What an agent, and what an optimizer is made with."""
UNKNOWN = "unknown"
BRINGS = "If a package brings it, install that"


def known(group: Literal["optimizers", "agents", "chat_models"]) -> Mapping[str, str]:
    """What there is of a group: name -> "module:Class". A plug-in's name never hides one of
    ours.
    """
    brought = {name: plugin.path for name, plugin in plugins.known(group).items()}
    return brought | OURS[group]


def ours() -> list[Plugin]:
    """What this package brings itself."""
    return [
        Plugin(group, name, path, haqa_bench.__name__.replace("_", "-"), haqa_bench.__version__)
        for group, of_group in OURS.items()
        for name, path in of_group.items()
    ]


def check(methods: Sequence[Method]) -> None:
    """Raises HaqaError for a method whose optimizer does not exist, or that lacks, or cannot use, a
    chat. Nothing of a class that a suite names is imported.
    """
    optimizers, agents = {*known("optimizers")}, {*known("agents")}
    for method in methods:
        where = f"method '{method.name}'"
        if plugins.is_class(method.optimizer):
            _named(method)
            continue
        if method.optimizer not in optimizers | agents:
            near = nearest(method.optimizer, sorted(optimizers | agents))
            unknown = f"unknown optimizer '{method.optimizer}'"
            raise HaqaError(where, unknown, f"{BRINGS}. {near}")
        if (method.optimizer in agents) != (method.chat is not None):
            wrong = "needs" if method.optimizer in agents else "does not use"
            raise HaqaError(where, f"the optimizer '{method.optimizer}' {wrong} a chat: section")
        if method.chats and (method.optimizer in AGENTS or method.chat is None):
            what = f"'{method.optimizer}' does not use chats:, which are for agents of plug-ins"
            raise HaqaError(where, what, "Leave them out")


def check_classes(methods: Iterable[Method]) -> None:
    """Raises HaqaError for a class that a method names, and that cannot be imported, or is no
    optimizer; or that lies beside a file of the name of another's. An entry point that is broken
    ends its studies alone.
    """
    named = [method for method in methods if plugins.is_class(method.optimizer)]
    plugins.loose.apart(file for method in named if (file := _named(method).file))
    for method in named:
        found, where = _class(method), f"{_where(method)} is no optimizer"
        if isinstance(found, type) and not callable(getattr(found, "ask", None)):
            told = f"the class {found.__name__} has no method ask(history)"
            raise PluginFailed(where, told, "docs/plugins.md shows one")
        if asks(found) and method.chat is None:
            told = "it is made with (study, settings, chat, templates), as an agent is"
            raise PluginFailed(f"method '{method.name}'", told, "Give it a chat: section")


def only_choices(method: Method) -> bool:
    """Whether the optimizer of a method says that it proposes choices alone: `only_choices = True`
    in its class. One that cannot be loaded says nothing; its study tells.
    """
    try:
        return bool(getattr(_class(method), "only_choices", False))
    except PluginFailed:
        return False


def check_spaces(studies: Iterable[Study]) -> None:
    """Raises HaqaError for a study of a space with ranges whose optimizer proposes choices alone.
    Ours propose both.
    """
    for study in {(s.method.name, s.cell.id): s for s in studies}.values():
        method, space = study.method, study.cell.space
        if not space.held.finite and plugin(method) is not None and only_choices(method):
            refuse_ranges(method.name, study.cell)


def refuse_ranges(name: str, cell: Cell) -> NoReturn:
    """Raises HaqaError for a method that proposes choices alone, on a cell with ranges."""
    ranges = ", ".join(n for n, p in cell.space.held.root.items() if not p.finite)
    what = f"proposes choices alone (only_choices), and {cell.id} has ranges: {ranges}"
    raise HaqaError(f"method '{name}'", what, "Give it other cells, by its tracks: or cells:")


def asks(make: Callable[..., object]) -> bool:
    """Whether what makes an optimizer takes a chat model, as an agent does."""
    try:
        inspect.signature(make).bind(*AGENT)
    except (TypeError, ValueError):
        return False
    try:
        inspect.signature(make).bind(*OPTIMIZER)
    except TypeError:
        return True
    return False


def unsaid(name: str, folder: Path) -> Method:
    """The method of an optimizer or agent that is called, or lies, so; `below` a folder.

    Raises:
        HaqaError: there is none, or it cannot be loaded.
    """
    method = Method.model_validate({"name": "any", "optimizer": name}).below(folder)
    agent = method.model_copy(update={"chat": Chat.model_validate({"model": "any"})})
    if plugins.is_class(name):
        return agent if asks(_class(method)) else method
    return agent if name in known("agents") else method


def plugin(method: Method) -> Plugin | None:
    """What brought the optimizer of a method; None for ours."""
    if plugins.is_class(method.optimizer):
        return _named(method)
    group = _group(method)
    ours = method.optimizer in OURS[group]
    return None if ours else plugins.known(group).get(method.optimizer)


def path(method: Method) -> str:
    """Where the optimizer of a method is: "module:Class", or "file.py:Class"."""
    if plugins.is_class(method.optimizer):
        return method.optimizer
    return known(_group(method)).get(method.optimizer, UNKNOWN)


def faults(method: Method, where: str, doing: str) -> AbstractContextManager[None]:
    """Tells what the optimizer of a method raises in one line, with where in it that was.

    Raises:
        PluginFailed: in place of any exception but HaqaError and EvaluationFailed.
    """
    brought = plugin(method)
    who = f"{said(method)}, {doing}"
    return plugins.faults(where, who, path(method), brought.folder if brought else None)


def said(method: Method) -> str:
    """The optimizer of a method by name, place and distribution; by name alone where Python
    brought it.
    """
    place = "" if path(method) == UNKNOWN else f" ({path(method)})"
    return str(plugin(method) or f"'{method.optimizer}'{place}")


def _group(method: Method) -> Literal["agents", "optimizers"]:
    return "agents" if method.chat else "optimizers"


def _named(method: Method) -> Plugin:
    return plugins.named(_group(method), method.optimizer, method.folder)


def _where(method: Method) -> str:
    where = "" if plugins.is_class(method.optimizer) else f" ({path(method)})"
    return f"'{method.optimizer}'{where}"


def _class(method: Method) -> Callable[..., Any]:
    """What makes the optimizer of a method."""
    brought = plugin(method)
    return _loaded(_where(method), path(method), brought.folder if brought else None)


def optimizer(study: Study, chat: ChatModel | None, templates: Path) -> Optimizer:
    """The optimizer of a study. An agent is handed its chat model; a plug-in, copies of the cell
    and the method, since it may change them.

    Raises:
        HaqaError: its options are wrong, or it cannot be loaded.
    """
    method = study.method
    make = _class(method)
    if plugin(method) is not None:
        copied = study.cell.model_copy(deep=True), method.model_copy(deep=True)
        study = study._replace(cell=copied[0], method=copied[1])
    source, study = study.cell.space.code, without_source(study)
    found: Optimizer
    if chat is not None and method.chat is not None:
        found = make(study, method.chat, chat, templates)
    else:
        found = make(study)
    held = source is not None and study.cell.space.code is None
    return Held(found, source) if held and source else found


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


def _loaded(where: str, path: str, folder: Path | None = None) -> Callable[..., Any]:
    found = plugins.load(where, path, folder)
    if not callable(found):
        raise PluginFailed(where, "is nothing that can be called", "Name a class")
    return found
