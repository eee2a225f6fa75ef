"""haqa-bench hardware: list and show the profiles, describe this machine as one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench import disk
from haqa_bench.cli import completion
from haqa_bench.cli.command import Group
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import JSON, PROJECT, QUIET
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import EvaluationFailed, HaqaError

if TYPE_CHECKING:
    from haqa_bench.hardware import Hardware

BUSY_PERCENT = 20
"""Of all cores: others' share above which a measured rate is doubted. A guess."""


@click.group(
    cls=Group,
    examples=[
        "haqa-bench hardware list",
        "haqa-bench hardware detect --output hardware/mine.yaml",
    ],
)
def hardware() -> None:
    """Devices that cells run on: figures, each with its source."""


@hardware.command(
    "list",
    examples=[
        "haqa-bench hardware list",
    ],
)
@PROJECT
@JSON
def list_profiles(project: Path | None, as_json: bool) -> None:
    """List the hardware profiles of the project."""
    from haqa_bench.hardware import profiles

    found = profiles(_folder(project))
    if as_json:
        echo(json.dumps([profile.model_dump(mode="json") for profile in found], indent=2))
        return
    width = max(len(profile.name) for profile in found)
    for profile in found:
        echo(f"{profile.name:{width}}  {profile.kind:5}  {profile.title}")


@hardware.command(
    examples=[
        "haqa-bench hardware show epyc-zen4-2core",
    ],
)
@click.argument("name", shell_complete=completion.profiles)
@PROJECT
@JSON
def show(name: str, project: Path | None, as_json: bool) -> None:
    """Show the profile NAME: each figure, its unit and its source."""
    from haqa_bench.hardware import load, to_yaml

    found = load(_folder(project), name)
    echo(found.model_dump_json(indent=2) if as_json else to_yaml(found).rstrip())


@hardware.command(
    examples=[
        "haqa-bench hardware detect",
        "haqa-bench hardware detect --costs --output hardware/mine.yaml",
    ],
)
@click.option(
    "--output",
    metavar="FILE",
    type=FilePath(suffixes=(".yaml",)),
    help="Write a new profile, named after its FILE.",
)
@click.option(
    "--costs",
    is_flag=True,
    help="Measure too what llama.cpp takes for a weight of each type: a minute, on a quiet "
    "machine.",
)
@QUIET
@JSON
def detect(output: Path | None, costs: bool, as_json: bool) -> None:
    """Describe this machine as a profile, with the devices that llama.cpp finds on it. Takes
    seconds: its memory bandwidth is measured.
    """
    from haqa_bench.backends.machine import detect as describe
    from haqa_bench.hardware import to_yaml

    if output:
        _check_new(output)
    _tell_of_others()
    found = _with_devices(_with_costs(describe()) if costs else describe())
    if output:
        found = found.model_copy(update={"name": output.stem})
        echo(f"Written to {disk.write(output, to_yaml(found))}", err=as_json)
    if as_json or not output:
        echo(found.model_dump_json(indent=2) if as_json else to_yaml(found).rstrip())


def _with_devices(found: "Hardware") -> "Hardware":
    """With llama.cpp's devices, or a word on stderr why there is none."""
    from haqa_bench.backends import llama_devices

    devices, why = llama_devices.listed()
    if why:
        echo(why, err=True)
    return found.model_copy(update={"devices": devices})


def _tell_of_others() -> None:
    """Warns where other processes have more than a fifth of this machine."""
    import psutil

    if (busy := psutil.cpu_percent(0.2)) > BUSY_PERCENT:
        told = f"Other processes take {busy:.0f} % of this machine: what is measured is too low."
        echo(told, err=True)


def _folder(project: Path | None) -> Path:
    from haqa_bench.project import project_above

    return project_above(Path.cwd(), project).hardware


def _with_costs(found: "Hardware") -> "Hardware":
    from haqa_bench.backends import gguf_models
    from haqa_bench.cli.progress import bar
    from haqa_bench.tracks.deploy import weight_costs

    if found.kind != "cpu":
        raise HaqaError(
            "--costs",
            f"measures CPUs, and this machine's profile is of its {found.kind}",
            "Leave it out",
        )
    gguf_models.require_llama_cpp()
    try:
        with bar() as progress:
            task = progress.add_task("measuring", total=weight_costs.STEPS)
            return weight_costs.with_costs(found, lambda: progress.advance(task))
    except EvaluationFailed as failure:
        todo = "Leave it out, or mend llama.cpp"
        raise HaqaError("--costs", f"llama.cpp did not run: {failure}", todo) from None


def _check_new(path: Path) -> None:
    if path.exists():
        raise HaqaError(path, "File exists, and is not overwritten", "Name a new one")
