"""haqa-bench new."""

import importlib.util
import json
import keyword
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import click

from haqa_bench import disk
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import JSON
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

KINDS = ("method", "agent", "track", "suite")
SUFFIX = ".j2"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")


class Named(NamedTuple):
    """What a new thing is called: by people, as a module, and as a class."""

    name: str
    module: str
    title: str


@click.command(
    cls=Command,
    examples=[
        "haqa-bench new method coin",
        "haqa-bench new track packer --folder ../tracks",
        "haqa-bench new suite mine --folder suites",
    ],
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--folder",
    type=FilePath(file_okay=False),
    default=Path(),
    help="Where it is written; the current folder when left out.",
)
@JSON
def new(kind: str, name: str, folder: Path, as_json: bool) -> None:
    """Write a method, an agent, a track or a suite called NAME, to start from.

    It works as it stands: change a line, and run it again. A method, an agent and a track are each
    a folder, with a test and what pip needs; a suite is one file. Nothing is overwritten.
    """
    named = _suite_named(name, folder) if kind == "suite" else _named(name)
    target = folder / (f"{name}.yaml" if kind == "suite" else name)
    if target.exists() or target.is_symlink():
        raise HaqaError(target, "is there already; nothing was written", "Take another name")
    made = _written(kind, named, folder if kind == "suite" else target)
    if as_json:
        echo(json.dumps({"written": [str(path) for path in made]}, indent=2))
        return
    if kind != "suite" and named.module != name:
        echo(f"In Python, '{name}' is called {named.module}.")
    echo(f"Written: {', '.join(map(str, made))}")
    echo(f"Try it: haqa-bench {_next(kind, named, target)}")


def _named(name: str) -> Named:
    """What a package is called.

    Raises:
        HaqaError: Python, or somebody else, has the name, or it is none.
    """
    from haqa_bench import registry, tracks

    where = f"'{name}'"
    module = name.replace("-", "_").lower()
    if not NAME.fullmatch(name) or keyword.iskeyword(module):
        todo = "Begin with a letter; then letters, digits, and '-' or '_' between them"
        raise HaqaError(where, "is no name for a package", todo)
    if name in {*registry.known("optimizers"), *registry.known("agents"), *tracks.known()}:
        raise HaqaError(where, "haqa-bench has a method or track of that name", "Take another")
    if module in sys.stdlib_module_names or importlib.util.find_spec(module):
        raise HaqaError(
            where, f"there is a module {module} already, which it would hide", "Take another"
        )
    title = "".join(f"{part[0].upper()}{part[1:]}" for part in re.split("[-_]", name))
    return Named(name, module, title)


def _suite_named(name: str, folder: Path) -> Named:
    """What a suite is called, which is a part of the paths of its recordings.

    Raises:
        HaqaError: another suite has the name, or it is none.
    """
    from haqa_bench.project import project_above

    if not NAME.fullmatch(name):
        todo = "Begin with a letter; then letters, digits, and '-' or '_' between them"
        raise HaqaError(f"'{name}'", "is no name for a suite", todo)
    if known := project_above(folder).suites.get(name):
        raise HaqaError(f"'{name}'", f"there is a suite of that name: {known}", "Take another")
    return Named(name, name, name)


def _written(kind: str, named: Named, folder: Path) -> list[Path]:
    """The files of a kind, filled in."""
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    made = []
    for place, template in sorted(_templates(files("haqa_bench") / "skeletons" / kind)):
        text = environment.from_string(template.read_text("utf-8")).render(named._asdict())
        made.append(disk.write(folder / _called(place, named), text))
    return made


def _templates(folder: Traversable, above: str = "") -> Iterator[tuple[str, Traversable]]:
    """All templates below a folder, by their paths from it."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _templates(item, f"{above}{item.name}/")
        elif item.name.endswith(SUFFIX):
            yield f"{above}{item.name.removesuffix(SUFFIX)}", item


def _called(place: str, named: Named) -> str:
    """The path of a file, whose template's says `module` or `name` in the place of the name."""
    place = place.replace("test_module.", f"test_{named.module}.")
    place = re.sub(r"^module(?=[./])", named.module, place)
    return re.sub(r"^name(?=\.)", named.name, place)


def _next(kind: str, named: Named, target: Path) -> str:
    """The command to go on with."""
    if kind == "suite":
        return f"run {target}"
    if kind == "track":
        return f"plugin check {named.name} (after: pip install -e {target})"
    here = "" if target.is_absolute() else "./"
    return f"plugin check {here}{target}/{named.module}.py:{named.title}"
