"""haqa-bench doctor."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.cli.diagnosis import Diagnosis

REPORT = (
    "For a bug report, copy all of this, the command, and what it printed with "
    "HAQA_BENCH_DEBUG=1 before it. Neither keys nor the names of user and machine are told here."
)


@click.command(
    cls=Command,
    examples=[
        "haqa-bench doctor",
        "haqa-bench doctor --json",
    ],
)
@PROJECT
@JSON
def doctor(project: Path | None, as_json: bool) -> None:
    """Say what is installed, what is missing for which track and how to get it, where everything
    lies, and whether the recordings are sound: what a bug report needs. Ends with 1 where something
    is wrong.
    """
    from haqa_bench.cli.diagnosis import diagnosis
    from haqa_bench.project import project_above

    found = diagnosis(project_above(Path.cwd(), project))
    echo(json.dumps(_document(found), indent=2) if as_json else "\n".join(_told(found)))
    sys.exit(1 if found.problems else 0)


def _document(found: "Diagnosis") -> Mapping[str, object]:
    listed = {
        name: [one._asdict() for one in getattr(found, name)] for name in ("tracks", "extras")
    }
    return {**found._asdict(), **listed}


def _told(found: "Diagnosis") -> Iterator[str]:
    yield "Versions"
    yield f"  {', '.join(f'{name} {version}' for name, version in found.versions.items())}"
    yield from _section("Machine", found.machine)
    replay = "replays"
    yield "Tracks, replayed and measured live"
    for track in found.tracks:
        lacks = f"; to measure, it lacks {', '.join(track.missing)}: {track.install}"
        yield f"  {track.track:<10} {replay}{lacks if track.missing else ' and measures'}"
    yield "Extras"
    for extra in found.extras:
        lacks = f"lacks {', '.join(extra.missing)}: {extra.install}"
        yield f"  {extra.name:<12} {lacks if extra.missing else 'installed'}"
    there = [name for name, found_ in found.programs.items() if found_ == "found"]
    gone = [name for name in found.programs if name not in there]
    yield f"Programs\n  found: {', '.join(there)}; not found: {', '.join(gone)}"
    yield f"Plug-ins\n  {'; '.join(found.plugins) or 'none'}"
    yield from _section("Places", found.places)
    yield from _section("Environment", found.environment or {"": "nothing is set"})
    yield "Problems"
    yield from (f"  {problem}" for problem in found.problems or ["none; the recordings are sound"])
    yield REPORT


def _section(title: str, lines: Mapping[str, str]) -> Iterator[str]:
    yield title
    yield from (f"  {name:<8} {text}".rstrip() for name, text in lines.items())
