"""haqa-bench table check, accept and machines: results from other machines."""

import json
import re
import sys
from pathlib import Path

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import FORMAT, JSON, PROJECT, SUITE, WIDE, chosen, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
BROKEN = 1
"""The exit code where a rule is broken."""
PACK = click.argument("pack", metavar="PACK", type=FilePath())


@click.command(cls=Command, examples=["haqa-bench table check contributed/my-machine-kernels"])
@PACK
@click.option(
    "--mine",
    is_flag=True,
    help="It was measured in this very project: what lies here is no duplicate.",
)
@PROJECT
@JSON
def check(pack: Path, mine: bool, project: Path | None, as_json: bool) -> None:
    """Judge PACK, a folder or archive that `haqa-bench contribute` wrote, as a project does before
    it takes it in: one line a rule.

    Ends with 1 where a rule is broken, with 2 where it is no pack.
    """
    from haqa_bench.packs import checked
    from haqa_bench.project import project_above

    found = checked.check(pack, project_above(Path.cwd(), project), mine)
    echo(checked.as_json(found) if as_json else "\n".join(checked.told(found)))
    if not checked.is_sound(found):
        sys.exit(BROKEN)


@click.command(cls=Command, examples=["haqa-bench table accept contributed/my-machine-kernels"])
@PACK
@click.option("--as", "name", default="", metavar="MACHINE", help="What to call its machine here.")
@PROJECT
@JSON
def accept(pack: Path, name: str, project: Path | None, as_json: bool) -> None:
    """Take PACK into the project, where it breaks no rule: its profile, its results, and a suite in
    suites/machines/ that replays all methods on it beside the project's own machine.

    Nothing is overwritten. A second measurement on one machine gets its day as a suffix.
    """
    from haqa_bench.packs import accepted, checked
    from haqa_bench.packs.pack import opened
    from haqa_bench.packs.rules import judge
    from haqa_bench.project import project_above

    here = project_above(Path.cwd(), project)
    if name:
        check_machine("--as", name)
    with opened(pack) as found:
        judged = judge(found, here)
        if not checked.is_sound(judged):
            echo(checked.as_json(judged) if as_json else "\n".join(checked.told(judged)))
            sys.exit(BROKEN)
        done = accepted.accept(found, here, name)
    if as_json:
        echo(json.dumps({**done._asdict(), "files": sorted(done.files)}, indent=2))
        return
    for path in sorted(done.files):
        echo(path)
    for note in done.notes:
        echo(note, err=True)
    if done.suite:
        echo(f"Replay it with: haqa-bench run {done.suite}", err=True)


def check_machine(option: str, name: str) -> None:
    """Raises HaqaError for what cannot be part of a path."""
    if not re.fullmatch(NAME, name):
        todo = "Letters, digits, '.', '_' and '-' may stand in it"
        raise HaqaError(option, f"'{name}' is no name of a machine", todo)


@click.command(cls=Command, examples=["haqa-bench table machines kernels --cells '*rope*'"])
@SUITE
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
@FORMAT
@WIDE
@PROJECT
def machines(
    suite_path: Path, cells: str | None, kind: str, wide: bool, project: Path | None
) -> None:
    """Show SUITE's cells on every machine that the project has tables of, side by side, and what
    one machine's winner is worth on the others.
    """
    from haqa_bench.project import Project
    from haqa_bench.report import formats
    from haqa_bench.report.found.machines import machines as found
    from haqa_bench.report.tables.machines import tables

    suite, folder = open_suite(suite_path, project)
    kept = {s.cell.id: s.cell for s in chosen(suite, cells, None)}.values()
    groups = found(kept, Project(folder))
    if not groups:
        what = "none of these cells has tables of two machines"
        raise HaqaError(suite.name, what, "Take one in with: haqa-bench table accept PACK")
    echo(formats.several(tables(groups), kind, wide))
