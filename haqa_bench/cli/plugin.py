"""haqa-bench plugin."""

import json
import sys
import tempfile
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
    """List and check installed plug-ins."""


@plugin.command(
    "list",
    examples=[
        "haqa-bench plugin list",
    ],
)
@JSON
def list_(as_json: bool) -> None:
    """List the plug-ins that are installed: name, group, entry point, distribution and version."""
    from haqa_bench import plugins

    found = [one for group in plugins.GROUPS for one in plugins.known(group).values()]
    if as_json:
        echo(json.dumps([one._asdict() for one in found], indent=2))
        return
    for one in found:
        where = f"{one.path}, {one.distribution} {one.version}"
        echo(f"{one.name:<20} {one.group:<12} {where}")
    if not found:
        echo("No plug-in is installed (docs/plugins.md)", err=True)


@plugin.command(
    examples=[
        "haqa-bench plugin check random",
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
    1 where one is broken.
    """
    from haqa_bench.plugins import quiet

    with quiet():
        found = _checked(name, suite_path, project)
    if as_json:
        echo(json.dumps([one._asdict() for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            echo(f"BROKEN  {one.rule}: {one.fault}" if one.fault else f"kept    {one.rule}")
    sys.exit(int(any(one.fault for one in found)))


def _checked(name: str, suite_path: Path | None, project: Path | None) -> "list[Checked]":
    """Each rule for the plug-in of that name, or one of ours.

    Raises:
        HaqaError: there is none, or it is a chat model.
    """
    from haqa_bench import registry, tracks
    from haqa_bench.run.contract import evaluators, methods

    asks = name in registry.known("agents")
    if asks or name in registry.known("optimizers"):
        with tempfile.TemporaryDirectory() as folder:
            subject = methods.Subject(name, asks, _templates(project), Path(folder))
            return list(methods.of_method(subject))
    if name in tracks.known():
        return list(evaluators.of_track(name, _cell(name, suite_path, project)))
    if name in registry.known("chat_models"):
        todo = "Inherit ChatModelContract from haqa_bench.testing, and run pytest"
        raise HaqaError(name, "is a chat model, which only its author can let answer", todo)
    known = sorted({*registry.known("agents"), *registry.known("optimizers"), *tracks.known()})
    todo = f"{registry.BRINGS}. {nearest(name, known)}"
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
