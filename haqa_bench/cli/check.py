"""haqa-bench check."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.run.soundness import Area


@click.command(
    cls=Command,
    examples=[
        "haqa-bench check",
        "haqa-bench check --json",
    ],
)
@click.option("--seal", is_flag=True, help="Take what is there as it is, and write the manifest.")
@PROJECT
@JSON
def check(seal: bool, project: Path | None, as_json: bool) -> None:
    """Say whether all that the project has recorded, and what came with haqa-bench, is sound.

    Every recording must be what MANIFEST.sha256 says, whole, and what its suite needs; every value
    what its samples give.
    """
    from haqa_bench.project import project_above
    from haqa_bench.run import soundness
    from haqa_bench.store import sealing

    here = project_above(Path.cwd(), project)
    if seal:
        for path in sealing.seal(here.folder):
            echo(f"{here.said(path)}: took its hashes", err=True)
    found = soundness.check(here)
    echo(_json(found) if as_json else "\n".join(_told(found)))
    if any(area.faults for area in found):
        sys.exit(2)


def _told(found: "Sequence[Area]") -> list[str]:
    faults = [fault for area in found for fault in area.faults]
    counts = [f"{area.name}: {area.sound} of {area.files} sound" for area in found]
    return [*faults, *counts]


def _json(found: "Sequence[Area]") -> str:
    return json.dumps([area._asdict() for area in found], indent=2)
