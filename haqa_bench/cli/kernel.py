"""haqa-bench kernel."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, get_args

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT, FilePath
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import JsonObject
from haqa_bench.documents.texts import read_text
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.tracks.kernel.compared import Compared, Found
    from haqa_bench.tracks.kernel.workload import KernelWorkload

ROUNDS = 3
"""How often each is measured, one after another: what others do on the machine hits them all."""
NOTE = (
    "The device's own time of a launch, of {}, compiled and launched in a sandbox; each launch on "
    "inputs of its own, and its output checked (docs/kernels.md). ggml runs outside it, timed by "
    "a clock around the call."
)


@click.command(
    cls=Command,
    examples=[
        "haqa-bench kernel softmax --print > mine.cl",
        "haqa-bench kernel softmax --source mine.cl",
        "haqa-bench kernel silu --source mine.cl --shape count=65536 --set VEC=8 --set GROUP=64",
        "haqa-bench kernel gemv --suite kernels --cell llama2-7b-int4-epyc-zen4-2core-gemv",
    ],
)
@click.argument("name", metavar="NAME")
@click.option(
    "--source",
    type=FilePath(dir_okay=False),
    help="The kernel's source, OpenCL C; the kernel as it comes when left out.",
)
@click.option(
    "--suite",
    "suite_path",
    type=FilePath(),
    default="kernels",
    show_default=True,
    shell_complete=completion.suites,
    help="Where the cell is, which says shape, bits and settings.",
)
@click.option("--cell", help="The cell; the first of the suite with this kernel when left out.")
@click.option("--shape", help="Other sizes than the cell's, such as columns=1024,rows=32.")
@click.option(
    "--bits", type=click.Choice(["32", "16", "8", "4"]), help="Other bits of a weight than its."
)
@click.option(
    "--set", "settings", multiple=True, help="A setting of the space, VEC=8; may be given again."
)
@click.option("--repeats", type=COUNT, help="Launches in each of three rounds; the cell's number.")
@click.option("--print", "shown", is_flag=True, help="Print the source to start from, and end.")
@PROJECT
@JSON
def kernel(
    name: str,
    source: Path | None,
    suite_path: Path,
    cell: str | None,
    shape: str | None,
    bits: str | None,
    settings: Sequence[str],
    repeats: int | None,
    shown: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    """Check and time the kernel NAME, as the kernel track does with code that an agent wrote: in a
    sandbox, beside the kernel as it comes and, where it is installed, ggml's; exit code 1 where
    what --source holds fails.
    """
    from haqa_bench.tracks.kernel import compared, sources

    known = _known()
    if name not in known:
        raise HaqaError("NAME", f"'{name}' is no kernel", nearest(name, known))
    own = (sources.FOLDER / f"{name}.cl").read_text("utf-8")
    if shown:
        echo(json.dumps({"kernel": name, "source": own}) if as_json else own.rstrip("\n"))
        return
    text = read_text(source) if source is not None else own
    asked = compared.asked(name, _cell(suite_path, project, name, cell))
    asked = asked.with_shape(shape).with_bits(bits).with_settings(settings)
    if repeats is not None:
        asked = asked.with_repeats(repeats)
    found = compared.compared(asked, text if source is not None else None, own, ROUNDS)
    echo(json.dumps(_told(found), indent=2) if as_json else _table(found))
    if found.failed:
        raise SystemExit(1)


def _cell(
    suite_path: Path, project: Path | None, kernel: str, wanted: str | None
) -> "Cell[KernelWorkload]":
    """The cell of a suite that has a kernel, and that name where one is given.

    Raises:
        HaqaError: there is none.
    """
    from haqa_bench import suite
    from haqa_bench.project import find_suite, project_above
    from haqa_bench.tracks.kernel.workload import KernelWorkload

    path = find_suite(suite_path, project)
    loaded = suite.load(path, project_above(path, project).folder)
    having: dict[str, Cell[KernelWorkload]] = {
        cell.id: cell  # type: ignore[misc]  # its workload is looked at
        for cell in loaded.cells
        if isinstance(cell.workload, KernelWorkload) and cell.workload.kernel == kernel
    }
    if not having:
        raise HaqaError(path, f"has no cell of the kernel {kernel}", "Name another by --suite")
    if wanted is None:
        return next(iter(having.values()))
    if wanted not in having:
        raise HaqaError("--cell", f"'{wanted}' is no cell of {kernel}", nearest(wanted, having))
    return having[wanted]


def _known() -> Sequence[str]:
    from haqa_bench.tracks.kernel.workload import KernelWorkload

    return get_args(KernelWorkload.model_fields["kernel"].annotation)


def _told(found: "Compared") -> JsonObject:
    job = found.asked.job
    return {
        "kernel": job.kernel,
        "cell": found.asked.cell,
        "shape": dict(job.shape),
        "bits": job.bits if found.asked.weighted else None,
        "settings": dict(job.settings),
        "found": [_one(one) for one in found.found],
    }


def _one(one: "Found") -> JsonObject:
    times = one.times_us
    return {
        "code": one.name,
        "source": "measured",
        "status": str(one.status),
        "reason": one.reason,
        "error": one.error,
        "median_us": median(times) if times else None,
        "low_us": min(times, default=None),
        "high_us": max(times, default=None),
        "n": len(times),
        "times_us": list(times),
        "others_share": one.others_share,
        "facts": dict(one.facts),
    }


def _table(found: "Compared") -> str:
    from haqa_bench.report.formats.markdown import markdown
    from haqa_bench.report.tables.table import Column, Table, words

    job = found.asked.job
    sizes = ", ".join(f"{name} {size}" for name, size in job.shape.items())
    told = ", ".join(f"{name}={value}" for name, value in job.settings.items())
    head = ["Code", "Status", "Median, us", "Range, us", "n", "Error"]
    lines = [[words(text) for text in _line(one)] for one in found.found]
    notes = [f"{one.name}: {one.reason}" for one in found.found if one.reason]
    notes += [
        f"{one.name}: not checked, since the kernel as it comes fails there too: {what}"
        for one in found.found
        if (what := one.facts.get("unchecked"))
    ]
    notes += [f"Device: {device}." for device in _devices(found)]
    busy = max((one.others_share for one in found.found), default=0.0)
    notes += [f"Others took up to {100 * busy:.0f} % of the machine meanwhile."] if busy else []
    bits = f"{job.bits} bits, " if found.asked.weighted else ""
    note = NOTE.format(f"{job.kernel} at {sizes}, {bits}{told}")
    return markdown(
        Table(f"Times of {job.kernel}", [Column(t) for t in head], lines, [note, *notes])
    ).rstrip()


def _devices(found: "Compared") -> Sequence[str]:
    """What the kernel ran on, as the sandbox says."""
    return sorted({one.facts["device"] for one in found.found if "device" in one.facts})


def _line(one: "Found") -> list[str]:
    times = one.times_us
    if not times:
        return [one.name, str(one.status), "", "", "0", ""]
    spread = f"{min(times):,.1f} to {max(times):,.1f}"
    return [
        one.name,
        str(one.status),
        f"{median(times):,.1f}",
        spread,
        str(len(times)),
        f"{one.error:.1e}" if one.error is not None else "",
    ]
