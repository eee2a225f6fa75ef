"""What Python may give as an optimizer: the name of a method, a class, an object, or a function."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from haqa_bench import registry
from haqa_bench.api.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Optimizer, Proposal
from haqa_bench.space import Configuration, Scalar
from haqa_bench.study import Method, Study
from haqa_bench.trial import Trial

Answer = Proposal | Configuration | None
Given = (
    str
    | Optimizer
    | Callable[[Study], Optimizer]
    | Callable[[Sequence[Trial]], Answer]
    | Callable[[Sequence[Trial], Study], Answer]
)
"""An optimizer: the name of a method, or of a plug-in; a class that is made from a study; an object
with `ask`; or a function of the history, or of the history and the study, that gives a
configuration.
"""
FORMS = "Give a method's name, a class or an object with ask(history), or a function of the history"
Ask = Callable[[Sequence[Trial]], object]


class Named(NamedTuple):
    """A method that the suite or the registry knows, and what its studies are to be called."""

    method: Method
    label: str


class Brought(NamedTuple):
    """A method that Python brought, and the module that it is of; `ask` gives what proposes in a
    study. `once` where it is one object, which has its study already.
    """

    method: Method
    path: str
    ask: Callable[[Study], Ask]
    once: bool = False


class Asked:
    """Something with `ask`, as an optimizer."""

    settings: Mapping[str, Scalar] = MappingProxyType({})
    start_up = 0

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer.

        Raises:
            TypeError: what it gave is neither a Proposal nor None.
        """
        found = self._ask(history)
        if not isinstance(found, Proposal | None):
            raise TypeError(f"it gave a {type(found).__name__}, not a Proposal or None")
        return found


def read(
    optimizer: object, cell: Cell, name: str | None, options: Mapping[str, Scalar]
) -> Named | Brought:
    """What was given, as a method for a cell. `name` labels its studies in place of its own.

    Raises:
        HaqaError: it is nothing of what may be given, or no method of that name is known.
    """
    if isinstance(optimizer, str):
        return _named(optimizer, cell, name, options)
    called = name or _tidy(_name_of(optimizer))
    method = _method(name=called, optimizer=called, options=dict(options))
    path = str(getattr(optimizer, "__module__", ""))
    if not cell.space.held.finite and getattr(optimizer, "only_choices", False):
        registry.refuse_ranges(called, cell.resolved)
    if isinstance(optimizer, type) or _is_partial_class(optimizer):
        return Brought(method, path, _of_class(optimizer))
    if hasattr(optimizer, "ask"):
        return Brought(method, path, lambda _study: optimizer.ask, once=True)
    return Brought(method, path, _of_function(optimizer))


def _named(word: str, cell: Cell, name: str | None, options: Mapping[str, Scalar]) -> Named:
    """A method of the cell's suite, or one that is installed."""
    known = {method.name: method for method in cell.suite.methods}
    if word not in known:
        own = _tidy(word.rpartition(":")[2])
        found = _method(name=own, optimizer=word, options=dict(options))
    else:
        of_suite = known[word]
        both = {**of_suite.options, **options}
        found = of_suite.model_copy(update={"options": both})
    registry.check([found])
    if not cell.space.held.finite and registry.plugin(found) and registry.only_choices(found):
        registry.refuse_ranges(word, cell.resolved)
    if not found.runs_on(cell.resolved):
        todo = "The suite gives it other cells, by `tracks` or `cells`"
        raise HaqaError(f"method '{word}'", f"does not run on {cell.id}", todo)
    return Named(found, _method(name=name or found.name, optimizer=word).name)


def _method(**fields: object) -> Method:
    try:
        return Method.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise HaqaError("optimizer", f"{place}: {first['msg']}", "Give another name=") from None


def _name_of(optimizer: object) -> str:
    """What a class, an object or a function is called."""
    bare = optimizer.func if isinstance(optimizer, partial) else optimizer
    return str(getattr(bare, "__name__", type(bare).__name__))


def _tidy(name: str) -> str:
    """A name as paths may have it: _Mine is Mine, <lambda> is lambda."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "mine"


def _is_partial_class(optimizer: object) -> bool:
    return isinstance(optimizer, partial) and isinstance(optimizer.func, type)


def _of_class(optimizer: object) -> Callable[[Study], Ask]:
    made = optimizer.func if isinstance(optimizer, partial) else optimizer
    if not callable(optimizer) or not hasattr(made, "ask"):
        raise HaqaError("optimizer", f"the class {_name_of(made)} has no ask(history)", FORMS)

    def ask(study: Study) -> Ask:
        found: Ask = optimizer(study).ask
        return found

    return ask


def _of_function(optimizer: object) -> Callable[[Study], Ask]:
    if not callable(optimizer):
        raise HaqaError("optimizer", f"{optimizer!r} proposes nothing", FORMS)
    needed = _needed(optimizer)
    if needed not in (1, 2):
        what = f"the function {_name_of(optimizer)} takes {needed} arguments"
        raise HaqaError("optimizer", what, "Let it take the history, or the history and the study")

    def ask(study: Study) -> Ask:
        also = (study,) if needed == 2 else ()
        return lambda history: _proposed(optimizer(history, *also))

    return ask


def _needed(function: Callable[..., object]) -> int:
    """How many arguments a function is to be given by their places; 1 where it does not say, or
    does not mind.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [p for p in parameters if p.kind in by_place]
    any_many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    needed = sum(p.default is p.empty for p in taken)
    return needed or int(bool(taken) or any_many)


def _proposed(found: object) -> object:
    """A configuration as a proposal; all else as it is."""
    return Proposal(found) if isinstance(found, Mapping) else found
