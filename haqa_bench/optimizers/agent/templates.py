"""Which templates an agent fills, by the names that a suite's lock and a cassette's card have."""

from collections.abc import Iterator

import jinja2
import jinja2.meta

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import read_text
from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.study import MAX_TEMPLATE


def used(prompts: Prompts, cell: Cell, at_once: bool) -> set[str]:
    """The templates that an agent fills for a cell, with those that they include: by their own name
    where they are its method's own, else from prompts/ on; `at_once` is for one request of all
    proposals.

    Raises:
        HaqaError: one is no template; names file and line.
    """
    found, left = set[str](), prompts.fills(cell, at_once)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _included(prompts, name, tracks.of(cell).prompt())
    return {_called(prompts, name) for name in found}


def _called(prompts: Prompts, name: str) -> str:
    path = prompts.sandbox.place(name)
    of_style = f"{prompts.style}/{name}"
    own = name in prompts.own.texts or not path.as_posix().endswith(f"/{of_style}")
    return name if own else of_style


def _included(prompts: Prompts, name: str, brought: str) -> Iterator[str]:
    path, text = prompts.sandbox.place(name), prompts.own.texts.get(name)
    if text is None:
        text = read_text(path, MAX_TEMPLATE) if path.is_file() else brought
    try:
        parsed = prompts.sandbox.parse(text)
    except jinja2.TemplateSyntaxError as error:
        what = f"not a template: {error.message}"
        where = f"{prompts.own.folder}/{name}" if name in prompts.own.texts else path
        raise HaqaError(f"{where}:{error.lineno}", what, "Mend the template") from None
    return (name for name in jinja2.meta.find_referenced_templates(parsed) if name)
