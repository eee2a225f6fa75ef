"""Templates that somebody else wrote, rendered within bounds.

A project's folder brings its own prompts, so a replay of somebody's results renders somebody's
templates. They read what they are given, and nothing else: Jinja's sandbox keeps them from what
leads to Python, and a rendering has so many steps and characters. What makes much of little
(`"x" * 10**9`, `lipsum`, `center`, a macro that calls itself) is counted, or is not there.
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any

import jinja2
from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from haqa_bench import shipped
from haqa_bench.documents import read_text
from haqa_bench.errors import HaqaError
from haqa_bench.study import MAX_TEMPLATE, Own

MAX_TEXT = 500_000
"""Characters that a rendering may make, those between its filters too."""
MAX_STEPS = 20_000
"""Rounds of loops, calls of macros and included templates of a rendering."""
MAX_RANGE = 1000
FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first"),
    *("float", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject"),
    *("rejectattr", "reverse", "safe", "select", "selectattr", "sort", "string", "title"),
    *("tojson", "trim", "unique", "upper", "wordcount"),
)
"""Jinja's own that are kept, beside `join` and `replace`: none makes much of little unseen."""
PADDING = (
    *("center", "expandtabs", "format", "format_map", "join", "ljust", "replace", "rjust"),
    *("translate", "zfill"),
)
"""Texts' own methods that do."""
FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What a faulty template raises, beside what Jinja itself finds in it."""


class Left:
    """What a rendering may still use."""

    def __init__(self) -> None:
        self.steps, self.text = MAX_STEPS, MAX_TEXT

    def step(self) -> None:
        """One more round of something."""
        self.steps -= 1
        if self.steps < 0:
            raise SecurityError(f"takes more than {MAX_STEPS:,} steps: does a loop never end?")

    def make(self, size: int) -> None:
        """So many more characters, or items."""
        self.text -= size
        if self.text < 0:
            raise SecurityError(f"makes more than {MAX_TEXT:,} characters")


_left: ContextVar[Left] = ContextVar("what a rendering may still use")


class Sandbox(ImmutableSandboxedEnvironment):
    """The templates of a project's prompts/, each compiled once, and again where it changes; those
    of the folder of a `style` there, and those that a method has of its `own`, stand in their
    place.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, folder: Path, own: Own = Own(), style: str = "") -> None:  # noqa: B008 # frozen
        self._files = _Folder(folder, own, style)
        super().__init__(
            loader=self._files,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            finalize=_counted,
        )
        self.own = own
        kept = {name: self.filters[name] for name in FILTERS}
        self.filters = {name: counting(one) for name, one in kept.items()}
        self.filters |= {"join": _join, "replace": _replace, "step": _step}
        del self.globals["lipsum"]
        self.globals["range"] = _range

    def place(self, name: str) -> Path:
        """The file of a template that is none of its method's own."""
        return self._files.place(name)

    def fill(self, name: str, brought: str, values: dict[str, object]) -> str:
        """The template `name` of the folder, or, where it has none, the text that is brought.

        Raises:
            HaqaError: it cannot be read, is faulty, or does not end; names file and line.
        """
        token = _left.set(Left())
        try:
            return self._found(name, brought).render(values)
        except FAULTS as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise HaqaError(self._where(name, error), what, "Mend the template") from None
        finally:
            _left.reset(token)

    def _where(self, name: str, error: BaseException) -> str:
        """The file and line of a template's fault."""
        if isinstance(error, jinja2.TemplateSyntaxError):
            return f"{self._said(error.name or name)}:{error.lineno}"
        found, trace = self._said(name), error.__traceback__
        while isinstance(trace, TracebackType):
            path = Path(trace.tb_frame.f_code.co_filename)
            if path.suffix == ".j2" or path.name == "<template>":
                found = (
                    f"{self._said(path.name if path.suffix == '.j2' else name)}:{trace.tb_lineno}"
                )
            trace = trace.tb_next
        return found

    def _said(self, name: str) -> str:
        """A template as its reader knows it."""
        if name in self.own.texts:
            return f"{self.own.folder}/{name}"
        in_style = self.place(name).as_posix().endswith(f"/{self._files.style}/{name}")
        return f"prompts/{self._files.style}/{name}" if in_style else f"prompts/{name}"

    def _found(self, name: str, brought: str) -> jinja2.Template:
        try:
            return self.get_template(name)
        except jinja2.TemplateNotFound:
            if not brought:
                raise
            return self.from_string(brought)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """What an operator gives, where that is not long."""
        if operator == "**" or (operator in "*%" and not _short(left, right)):
            raise SecurityError(f"uses {operator} where much may come of little; join with ~")
        return _counted(super().call_binop(context, operator, left, right))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is behind a point, but texts' own methods that make much of little."""
        if isinstance(obj, str) and attribute in PADDING:
            return self.unsafe_undefined(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The same behind brackets."""
        if isinstance(obj, str) and argument in PADDING:
            return self.unsafe_undefined(obj, argument)
        return super().getitem(obj, argument)

    def call(*given: Any, **named: Any) -> Any:
        """What a call gives, counted."""
        return _counted(ImmutableSandboxedEnvironment.call(*given, **named))


class _Folder(jinja2.BaseLoader):
    """The files of prompts/ of a project, and those of the package; none of them large."""

    def __init__(self, folder: Path, own: Own, style: str) -> None:
        self.folder, self.own, self.style = folder, own, style

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        if template in self.own.texts:
            return self.own.texts[template], f"{self.own.folder}/{template}", lambda: True
        path = self.place(template)
        if not path.exists():
            raise jinja2.TemplateNotFound(template)
        read = path.stat().st_mtime_ns
        text = read_text(path, MAX_TEMPLATE)
        return text, str(path), lambda: self._is_still(template, path, read)

    def place(self, template: str) -> Path:
        """Where a template lies: in the style's folder, or else in that of all."""
        name = "/".join(jinja2.loaders.split_template_path(template))
        names = [f"{self.style}/{name}", name] if self.style else [name]
        found = (shipped.found(self.folder.parent, f"{self.folder.name}/{one}") for one in names)
        return next((path for path in found if path.exists()), self.folder / name)

    def _is_still(self, template: str, path: Path, read: int) -> bool:
        same = self.place(template) == path and path.exists()
        return same and path.stat().st_mtime_ns == read


class _Counting(NodeTransformer):
    """Counts each round of a loop, call of a macro and template, and joins with the filter."""

    def visit_Template(self, node: nodes.Template) -> nodes.Node:  # noqa: N802 # Jinja's names
        return self._begun(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        return self._begun(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        return self._begun(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        return self._begun(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "join", [], [], None, None, lineno=node.lineno)

    def _begun(
        self, node: nodes.Template | nodes.For | nodes.Macro | nodes.CallBlock
    ) -> nodes.Node:
        self.generic_visit(node)
        nothing = nodes.Const("", lineno=node.lineno)
        step = nodes.Filter(nothing, "step", [], [], None, None, lineno=node.lineno)
        node.body.insert(0, nodes.Output([step], lineno=node.lineno))
        return node


def counting(made_by: Callable[..., object]) -> Callable[..., object]:
    """A filter that counts what it takes and makes."""

    @wraps(made_by)
    def make(*given: object, **named: object) -> object:
        for value in given:
            _counted(value)
        return _counted(made_by(*given, **named))

    return make


def _counted(value: object) -> object:
    """A value, of which each character or item inside counts: lists of one list may be long."""
    left = _left.get()
    left.make(len(value) if isinstance(value, str) else 1)
    if isinstance(value, dict):
        parts: Iterable[object] = (part for pair in value.items() for part in pair)
    else:
        parts = value if isinstance(value, list | tuple | set | frozenset) else ()
    for part in parts:
        _counted(part)
    return value


def _short(left: object, right: object) -> bool:
    """Whether both are numbers of ordinary size."""
    return all(
        isinstance(n, float) or (isinstance(n, int) and abs(n) < 2**53) for n in (left, right)
    )


@pass_context  # so that it is not done once for all, when the template is compiled
def _step(_context: Context, value: str) -> str:
    _left.get().step()
    return value


def _range(*limits: int) -> range:
    found = range(*limits)
    if len(found) > MAX_RANGE:
        raise SecurityError(f"counts to {len(found):,}; range has at most {MAX_RANGE:,} numbers")
    return found


def _join(items: Iterable[object], between: object = "") -> str:
    texts = [str(_counted(item)) for item in items]
    _left.get().make(sum(map(len, texts)) + len(str(between)) * len(texts))
    return str(between).join(texts)


def _replace(text: object, old: str, new: str) -> str:
    found = str(text)
    _left.get().make(len(found) + found.count(str(old)) * len(str(new)))
    return found.replace(str(old), str(new))
