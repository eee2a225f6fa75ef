"""What a model takes on a device, for haqa-bench memory."""

from pathlib import Path
from typing import NamedTuple

from haqa_bench import hardware
from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError
from haqa_bench.hardware import Hardware
from haqa_bench.project import project_above
from haqa_bench.report.tables.table import Column, Table, Value, words

AUTO = "auto"
NOTE = (
    "Simulated, planned by {}. Peak: weights, cache and compute, of what lies on the device; safe: "
    "with a margin of 5 %. Host: what stays in the host's memory, without its process. What a "
    "driver takes for itself is not in it (docs/memory.md)."
)


class Wanted(NamedTuple):
    """For which device a plan is asked: a profile, or whatever llama.cpp finds here; and how much
    memory it has, in bytes, 0 where that is not known.
    """

    declared: str
    memory: int


def wanted(name: str, project: Path | None) -> Wanted:
    """The device of that name.

    Raises:
        HaqaError: there is no such profile, or it is a CPU's.
    """
    if name == AUTO:
        return Wanted("", 0)
    found = hardware.load(project_above(Path.cwd(), project).hardware, name)
    if found.kind == "cpu":
        raise HaqaError(f"--device {name}", "is a CPU, whose plan is made without it")
    return Wanted(found.name, _bytes_of(found))


def _bytes_of(device: Hardware) -> int:
    memory = device.memory
    return round(memory.value * 1e9) if memory.value and memory.unit == "GB" else 0


def plans(
    model: str, formats: list[str], settings: Settings, n_ctx: int, declared: str
) -> dict[str, DevicePlan]:
    """What each format takes.

    Raises:
        HaqaError: there is no such model, llama.cpp refuses it, or knows no device here.
    """
    from haqa_bench.backends import llama_cpp_memory as llama

    with llama.file_of(model) as path:
        found = llama.plan_for_device(path, formats, settings, n_ctx, declared)
    if note := llama.beyond_training(found, n_ctx):
        echo(f"{model}: {note}", err=True)
    return {name: one.memory for name, one in found.items()}


def row(name: str, plan: DevicePlan) -> JsonObject:
    """A format, for scripts: bytes."""
    return {
        "format": name,
        "source": "simulated",
        "planned_by": plan.planned_by,
        "devices": [_told(share) for share in plan.devices],
        "host": _told(plan.host),
        "peak": plan.peak,
        "safe": plan.safe,
    }


def _told(share: Share) -> JsonObject:
    return {**share._asdict(), "peak": share.peak, "safe": share.safe}


def table(plans: dict[str, DevicePlan], room: int) -> str:
    """The formats, for people: a line for each device."""
    from haqa_bench.report.formats.markdown import markdown

    head = ["Format", "Device", "Layers", *(f"{part}, MB" for part in ON_DEVICE), "Host, MB"]
    lines = [
        _line(name, share, plan.host, room)
        for name, plan in plans.items()
        for share in plan.devices
    ]
    fits = [f"Fits {room / 1e6:,.0f} MB"] if room else []
    note = NOTE.format(next(iter(plans.values())).planned_by)
    columns = [Column(title) for title in [*head, *fits]]
    return markdown(Table("Memory on a device", columns, lines, [note])).rstrip()


ON_DEVICE = ("Weights", "Cache", "Compute", "Peak", "Safe")


def _line(name: str, share: Share, host: Share, room: int) -> list[Value]:
    sizes = [getattr(share, part.lower()) for part in ON_DEVICE] + [host.peak]
    fits = ["yes" if share.safe <= room else "no"] if room else []
    texts = [name, share.place, str(share.layers), *(f"{size / 1e6:,.1f}" for size in sizes), *fits]
    return [words(text) for text in texts]
