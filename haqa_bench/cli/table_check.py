"""haqa-bench table check, accept and machines: results from other machines."""

import sys
from pathlib import Path

import click

from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo

BROKEN = 1
"""The exit code where a rule is broken."""
PACK = click.argument("pack", metavar="PACK", type=FilePath())


@click.command()
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

    \b
    haqa-bench table check contributed/my-machine-kernels
    """
    from haqa_bench.packs import checked
    from haqa_bench.project import project_above

    found = checked.check(pack, project_above(Path.cwd(), project), mine)
    echo(checked.as_json(found) if as_json else "\n".join(checked.told(found)))
    if not checked.is_sound(found):
        sys.exit(BROKEN)
