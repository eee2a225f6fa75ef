"""haqa-bench bundle."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench import disk
from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath, Finite
from haqa_bench.cli.options import JSON, PROJECT, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.suite import Suite

FOLDER = FilePath(file_okay=False)


@click.command(
    cls=Command,
    examples=[
        "haqa-bench bundle device/llamas device/settings --wheels wheels --output quarter.zip",
        "haqa-bench bundle device/rehearsal --python 3.11 --output rehearsal.zip",
    ],
)
@click.argument(
    "suites",
    metavar="SUITE...",
    nargs=-1,
    required=True,
    type=FilePath(),
    shell_complete=completion.suites,
)
@click.option(
    "--wheels", "wheels", type=FOLDER, multiple=True, help="A folder of wheels, for --python."
)
@click.option(
    "--packages",
    type=FOLDER,
    multiple=True,
    help="A folder of packages as they are, such as pip install --target made.",
)
@click.option(
    "--python",
    default="3.12",
    show_default=True,
    metavar="VERSION",
    help="The Python of the other machine.",
)
@click.option(
    "--limit",
    type=Finite(0, 4096, min_open=True),
    default=64.0,
    show_default=True,
    metavar="MIB",
    help="How large the bundle may be.",
)
@click.option("--output", type=FilePath(dir_okay=False, suffixes=(".zip",)), required=True)
@PROJECT
@JSON
def bundle(
    suites: Sequence[Path],
    wheels: Sequence[Path],
    packages: Sequence[Path],
    python: str,
    limit: float,
    output: Path,
    project: Path | None,
    as_json: bool,
) -> None:
    """Pack SUITEs, this program, wheels and a built llama.cpp as one archive, for a machine without
    network.

    There: python3 -m zipfile -e BUNDLE.zip bundle; python3 bundle/drive.py --limit 10 --out out
    Here again: haqa-bench table take-in SUITE out
    """
    from haqa_bench.run.bundle import Parts, check_size, files_of, lacking, packed

    if not re.fullmatch(r"3\.\d{1,2}", python):
        raise HaqaError("--python", f"'{python}' is no version", "Give it as 3.12")
    for place in (*wheels, *packages):
        if not place.is_dir():
            raise HaqaError(place, "no such folder", "Name one of wheels, or of packages")
    found, folder = _suites(suites, project)
    every = sorted(wheel for place in wheels for wheel in place.glob("*.whl"))
    files = files_of(found, folder, Parts(every, packages, python))
    data = packed(files)
    check_size(data, int(limit * 2**20), files)
    disk.write(output, data)
    lacks = lacking(files)
    if as_json:
        told = {"written": str(output), "bytes": len(data), "files": len(files), "lacks": lacks}
        echo(json.dumps(told, indent=2))
        return
    echo(f"{output}: {len(data) / 2**20:.1f} MiB, {len(files)} files, for Python {python}")
    if lacks:
        echo(f"The other machine must have itself: {', '.join(lacks)}")


def _suites(
    paths: Sequence[Path], given: Path | None
) -> "tuple[dict[str, tuple[Path, Suite]], Path]":
    """The suites by their names in the bundle, and their project."""
    from haqa_bench.project import find_suite

    found: dict[str, tuple[Path, Suite]] = {}
    for path in paths:
        file = find_suite(path, given)
        suite, folder = open_suite(file, given)
        name = path.as_posix() if path.suffix != ".yaml" and not path.is_absolute() else file.stem
        found[name] = file, suite
    return found, folder
