"""The methods that `--with` adds to a suite: [NAME=]OPTIMIZER[:option=value,option=value].

OPTIMIZER is what a suite's `optimizer:` may be, where a file is one of the current folder's. What
stands after it, and holds a `=`, are options; their values are read as a suite's are.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.space import Scalar
    from haqa_bench.study import Chat, Method
    from haqa_bench.suite import Suite

CHAT = "chat"
"""The option that says whose `chat:` section an agent takes, and makes an agent of a class."""
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*=\s*(.*)")
_OPTION = re.compile(
    r"""\s*([A-Za-z_][\w-]*)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,]*?)\s*(?:,|$)""", re.ASCII
)


class Given(NamedTuple):
    """What one `--with` says."""

    text: str
    name: str
    optimizer: str
    options: "dict[str, Scalar]"

    @property
    def unnamed(self) -> str:
        """What it says without a name."""
        head, colon, rest = self.text.partition(":")
        return _named(head)[1] + colon + rest

    def fault(self, what: str, todo: str = "") -> HaqaError:
        """What is wrong with it."""
        return HaqaError(f"--with '{self.text}'", what, todo)


def with_methods(suite: "Suite", texts: Sequence[str]) -> "Suite":
    """A suite, and the methods that the command line adds.

    Raises:
        HaqaError: one cannot be read, is named as another, or has no chat where it needs one.
    """
    methods = suite.methods
    for text in texts:
        given = read(text)
        if any(method.name == given.name for method in methods):
            todo = f"Give this one a name of its own: --with NAME={given.unnamed}"
            raise given.fault(f"there is a method '{given.name}' already", todo)
        methods = (*methods, _method(given, suite))
    return suite.model_copy(update={"methods": methods})


def read(text: str) -> Given:
    """What one `--with` says, in parts.

    Raises:
        HaqaError: it cannot be read in exactly one way.
    """
    head, colon, rest = text.partition(":")
    name, optimizer = _named(head)
    given = Given(text, name, optimizer, {})
    if colon and not rest:
        raise given.fault("nothing stands after the colon", "Write OPTIMIZER:option=value")
    first, colon, more = rest.partition(":")
    if first and "=" not in first:
        given, rest = _class(given, first.strip()), more
        if colon and not rest:
            raise given.fault("nothing stands after the last colon")
    if given.optimizer.endswith(".py"):
        raise given.fault("names no class of the file", _classes(Path(given.optimizer)))
    own = given.optimizer.rpartition(":")[2].rpartition(".")[2] if ":" in given.optimizer else ""
    name = name or own or given.optimizer
    return given._replace(name=name, options=_options(given, rest))


def _named(head: str) -> tuple[str, str]:
    """A name, or none, and the optimizer after it; what is no name may be a folder's."""
    match = _NAME.match(head.strip())
    return (match[1], match[2]) if match else ("", head.strip())


def _class(given: Given, attribute: str) -> Given:
    """With the class that stands after the colon."""
    from haqa_bench import registry

    known = {*registry.known("optimizers"), *registry.known("agents")}
    if given.optimizer in known:
        raise given.fault(f"'{attribute}' is no option=value", "Write OPTIMIZER:option=value")
    return given._replace(optimizer=f"{given.optimizer}:{attribute}")


def _classes(file: Path) -> str:
    """How the classes of a file are named."""
    import ast

    try:
        body = ast.parse(file.expanduser().read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return "Write FILE.py:CLASS"
    found = [f"{file.name}:{node.name}" for node in body if isinstance(node, ast.ClassDef)]
    return f"Write one of: {', '.join(found)}" if found else "Write FILE.py:CLASS"


def _options(given: Given, text: str) -> "dict[str, Scalar]":
    found: dict[str, Scalar] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None:
            raise given.fault(f"'{text[at:]}' is no option=value", 'Put commas in quotes: a="x,y"')
        name, value = match.groups()
        if name in found:
            raise given.fault(f"the option {name} is given twice")
        found[name] = _value(given, name, value)
        at = match.end()
    return found


def _value(given: Given, name: str, text: str) -> "Scalar":
    from haqa_bench.documents import read_value

    value = read_value(f"--with '{given.text}': {name}", text)
    if isinstance(value, bool | int | float | str):
        return value
    what = f"{name}: {text} is no value" if text else f"{name} has no value"
    raise given.fault(what, f"Put text in quotes: {name}='{text}'")


def _method(given: Given, suite: "Suite") -> "Method":
    from pydantic import ValidationError

    from haqa_bench import plugins
    from haqa_bench.study import Method

    options = {name: value for name, value in given.options.items() if name != CHAT}
    optimizer, folder = plugins.apart(given.optimizer)
    named = {"name": given.name, "optimizer": optimizer, "options": options}
    try:
        return Method.model_validate(named | {"chat": _chat(given, suite)}).below(folder)
    except ValidationError:
        what = f"'{given.name}' cannot be a method's name"
        todo = "Give it one of letters, digits, '.', '_' and '-': --with NAME=OPTIMIZER"
        raise given.fault(what, todo) from None


def _chat(given: Given, suite: "Suite") -> "Chat | None":
    """How an agent asks: as the method that `chat=` names, or as all agents of the suite do."""
    from haqa_bench import registry

    known = {method.name: method.chat for method in suite.methods if method.chat}
    if CHAT in given.options:
        named = str(given.options[CHAT])
        if named not in known:
            agents = f"Those that have one: {', '.join(known)}" if known else "No method has one"
            raise given.fault(f"'{named}' is no method with a chat: section", agents)
        return known[named]
    if given.optimizer not in registry.known("agents"):
        return None
    chats = list({chat.model_dump_json(): chat for chat in known.values()}.values())
    if len(chats) != 1:
        what = "is an agent, and the suite does not say how it asks its LLM"
        names = f":{CHAT}=METHOD, one of {', '.join(known)}" if known else "a suite with a chat:"
        raise given.fault(what, f"Add {names}")
    return chats[0]
