"""haqa-bench plugin."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Group
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.run.contract import Checked


@click.group(
    cls=Group,
    examples=[
        "haqa-bench plugin list",
        "haqa-bench plugin check random",
    ],
)
def plugin() -> None:
    """List and check plug-ins."""


@plugin.command(
    "list",
    examples=[
        "haqa-bench plugin list",
        "haqa-bench plugin list --all",
    ],
)
@click.option("--all", "every", is_flag=True, help="Also what haqa-bench brings itself.")
@JSON
def list_(every: bool, as_json: bool) -> None:
    """List the plug-ins that are installed: name, group, where each is, and who brings it."""
    from haqa_bench import plugins, registry, tracks

    found = [one for group in plugins.GROUPS for one in plugins.known(group).values()]
    if every:
        found = [*registry.ours(), *tracks.ours(), *found]
    if as_json:
        echo(json.dumps([one.to_json() for one in found], indent=2))
        return
    for one in found:
        where = f"{one.path}, {one.distribution} {one.version}"
        echo(f"{one.name:<20} {one.group:<12} {where}, in {one.place or 'no folder'}")
    if not found:
        echo("No plug-in is installed (docs/plugins.md)", err=True)


@plugin.command(
    examples=[
        "haqa-bench plugin check random",
        "haqa-bench plugin check ./coin.py:Coin",
        "haqa-bench plugin check deploy --suite llama",
    ],
)
@click.argument("name", shell_complete=completion.plugins)
@click.option(
    "--suite",
    "suite_path",
    type=click.Path(path_type=Path),
    shell_complete=completion.suites,
    help="A suite with a cell of the track NAME, whose default is measured here.",
)
@PROJECT
@JSON
def check(name: str, suite_path: Path | None, project: Path | None, as_json: bool) -> None:
    """Hold the optimizer, agent or track NAME against what each promises, a line a rule; ends with
    1 where one is broken. NAME may also be package.module:Class, or ./file.py:Class.
    """
    from haqa_bench.plugins import quiet

    with quiet():
        found = _checked(name, suite_path, project)
    if as_json:
        echo(json.dumps([one._asdict() for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            echo(f"BROKEN  {one.rule}: {one.fault}" if one.fault else f"kept    {one.rule}")
        echo(_summary(name, found))
    sys.exit(int(any(one.fault for one in found)))


def _summary(name: str, found: "Sequence[Checked]") -> str:
    """How many rules are kept, in a line."""
    broken = sum(bool(one.fault) for one in found)
    if not broken:
        return f"{name} keeps all of {len(found)} rules."
    return f"{name} breaks {broken} of the {len(found)} rules that were tried."


def _checked(name: str, suite_path: Path | None, project: Path | None) -> "list[Checked]":
    """Each rule for the plug-in of that name, one of ours, or a class.

    Raises:
        HaqaError: there is none, or it is a chat model.
    """
    from haqa_bench import plugins, registry, tracks
    from haqa_bench.run.contract import evaluators, methods

    known = {*registry.known("agents"), *registry.known("optimizers")}
    if name in known or plugins.is_class(name):
        optimizer, folder = plugins.apart(name)
        method = registry.unsaid(optimizer, folder)
        registry.check_classes([method])
        with tempfile.TemporaryDirectory() as place:
            found = methods.subjects(method, _templates(project), Path(place))
            return list(methods.of_method(found))
    if name in tracks.known():
        return list(evaluators.of_track(name, _cell(name, suite_path, project)))
    if name in registry.known("chat_models"):
        todo = "Inherit ChatModelContract from haqa_bench.testing, and run pytest"
        raise HaqaError(name, "is a chat model, which only its author can let answer", todo)
    todo = f"{registry.BRINGS}. {nearest(name, sorted(known | {*tracks.known()}))}"
    raise HaqaError(name, "no optimizer, agent or track is called so", todo)


def _templates(project: Path | None) -> Path:
    """The prompts of the project."""
    from haqa_bench.project import project_above

    return project_above(Path.cwd(), project).prompts


def _cell(track: str, suite_path: Path | None, project: Path | None) -> "Cell | None":
    """The first cell of a track in a suite."""
    from haqa_bench.cli.options import open_suite
    from haqa_bench.project import find_suite

    if suite_path is None:
        return None
    suite, _ = open_suite(find_suite(suite_path, project), project)
    found = next((cell for cell in suite.cells if cell.track == track), None)
    if found is None:
        raise HaqaError(suite_path, f"has no cell of the track '{track}'")
    return found
