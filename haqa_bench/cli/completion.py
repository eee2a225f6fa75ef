"""What a shell completes: names of suites, runs, methods, cells, profiles and plug-ins, as the
folder has them. Whatever cannot be read completes nothing: a shell shows no errors here.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.project import Project
    from haqa_bench.suite import Suite

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completes(names: Callable[[click.Context], Iterable[str]], paths: bool = False) -> Complete:
    """Completes names; a word that can be none of them as a path, where one may stand."""

    def complete(
        context: click.Context, _parameter: click.Parameter, word: str
    ) -> list[CompletionItem]:
        before, comma, last = word.rpartition(",")
        found = [name for name in _read(names, context) if name.startswith(last)]
        if not found and paths:
            return [CompletionItem(word, type="file")]
        return [CompletionItem(f"{before}{comma}{name}") for name in dict.fromkeys(found)]

    return complete


def _read(names: Callable[[click.Context], Iterable[str]], context: click.Context) -> list[str]:
    try:
        return list(names(context))
    except (HaqaError, OSError, ValueError):
        return []


def _project(context: click.Context) -> "Project":
    from haqa_bench.project import project_above

    return project_above(Path.cwd(), context.params.get("project"))


def _suites(context: click.Context) -> Iterable[str]:
    return _project(context).suites


def _runs(context: click.Context) -> Iterable[str]:
    from haqa_bench.project import run_folders

    for folder in run_folders(_project(context)):
        yield folder.parent.name
        yield f"{folder.parent.name}/{folder.name}"


def _suite(context: click.Context) -> "Suite":
    """The suite, or that of the run, which the words before have named."""
    from haqa_bench import suite
    from haqa_bench.project import find_run, find_suite, suite_of

    project, word = context.params.get("project"), _first(context)
    if any(param.name == "suite_path" for param in context.command.params):
        return suite.load(find_suite(Path(word), project), _project(context).folder)
    return suite_of(find_run(word, project))


def _first(context: click.Context) -> str:
    """The first argument. Click has put it nowhere yet where an option still lacks its value."""
    named = [context.params.get(param.name or "") for param in context.command.params]
    arguments = [
        value
        for param, value in zip(context.command.params, named, strict=True)
        if isinstance(param, click.Argument)
    ]
    first = next(iter(arguments), None)
    if isinstance(first, tuple):
        first = next(iter(first), None)
    return str(first or next(iter(context.args), ""))


def _methods(context: click.Context) -> Iterable[str]:
    return (method.name for method in _suite(context).methods)


def _cells(context: click.Context) -> Iterable[str]:
    return (cell.id for cell in _suite(context).cells)


def _profiles(context: click.Context) -> Iterable[str]:
    from haqa_bench.hardware import profiles

    return (profile.name for profile in profiles(_project(context).hardware))


def _sized_models(context: click.Context) -> Iterable[str]:
    from haqa_bench.cli.known_models import known

    return (one.name for one in known(_project(context)))


def _plugins(_context: click.Context) -> Iterable[str]:
    from haqa_bench import registry, tracks

    return sorted({*registry.known("optimizers"), *registry.known("agents"), *tracks.known()})


suites = _completes(_suites, paths=True)
runs = _completes(_runs, paths=True)
methods = _completes(_methods)
cells = _completes(_cells)
profiles = _completes(_profiles)
sized_models = _completes(_sized_models, paths=True)
plugins = _completes(_plugins)
