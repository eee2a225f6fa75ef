"""haqa-bench init."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import click

from haqa_bench import disk, shipped
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import JSON
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import read_text
from haqa_bench.errors import HaqaError

OURS = {
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "prompts/README.md": "prompts.md",
    "suites/first.yaml": "first.yaml",
}
"""What is written, by the name of its file in first_project/."""
TEXT = "suites/texts/quality.txt"


@click.command(
    cls=Command,
    examples=[
        "haqa-bench init my-project",
        "haqa-bench init . --no-detect",
    ],
)
@click.argument("folder", required=False, default=".", type=FilePath(file_okay=False))
@click.option(
    "--detect/--no-detect",
    default=True,
    show_default=True,
    help="Describe this machine in hardware/, which takes seconds.",
)
@JSON
def init(folder: Path, detect: bool, as_json: bool) -> None:
    """Begin a project in FOLDER, the current one when left out: a first suite with comments, this
    machine's profile, and places for prompts and results.

    Nothing that is there is overwritten.
    """
    texts = _texts()
    if there := [folder / name for name in texts if (folder / name).exists()]:
        raise HaqaError(there[0], "is there already, and is not overwritten", "Name a new folder")
    written = [disk.write(folder / name, text) for name, text in texts.items()]
    with disk.faults(folder):
        (folder / "hardware").mkdir(exist_ok=True)
    written += _profile(folder / "hardware") if detect else []
    if as_json:
        echo(json.dumps({"folder": str(folder), "written": [str(path) for path in written]}))
        return
    for path in written:
        echo(f"Written to {path}")
    go = f"cd {folder} && " if folder != Path() else ""
    echo(f"Next: {go}haqa-bench run first")


def _texts() -> Mapping[str, str]:
    """What a new project holds, by path."""
    ours = files("haqa_bench.cli").joinpath("first_project")
    texts = {name: ours.joinpath(file).read_text("utf-8") for name, file in OURS.items()}
    return texts | {TEXT: read_text(shipped.found(Path(), TEXT))}


def _profile(folder: Path) -> list[Path]:
    """Writes this machine's profile, where the folder has none of that name."""
    from haqa_bench.backends.machine import detect
    from haqa_bench.hardware import to_yaml

    found = detect()
    path = folder / f"{found.name}.yaml"
    return [] if path.exists() else [disk.write(path, to_yaml(found))]
