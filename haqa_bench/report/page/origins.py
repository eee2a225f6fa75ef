"""Where the numbers of a run come from: its lock, the machines, the dates, the builds, and who
answered.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from haqa_bench import __version__
from haqa_bench.cell import Cell
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.project import Project, Run
from haqa_bench.report.found import answered, pairs, studies, tests
from haqa_bench.store import tables, trials

BUILDS = {
    tables.IMPORTED: "imported from",
    tables.IMPORTED_SHA256: "sha256",
    **{name: name for name in ("llama_cpp_python", "torch", "pyopencl", "driver", "gpu", "device")},
}
"""Facts of a measurement that say what it was made with, and how a reader is told of each."""


class Origin(NamedTuple):
    """A fact of where numbers come from: what it is of, and what it says."""

    name: str
    told: str


class Measured(NamedTuple):
    """A cell: on what it is measured; its response table's file, hash, days, version of haqa-bench
    and builds; and the machine on which winners were confirmed. Empty is what there is none of.
    """

    cell: str
    hardware: str
    path: str = ""
    sha256: str = ""
    days: tuple[str, ...] = ()
    version: str = ""
    builds: str = ""
    confirmed: str = ""

    @property
    def dates(self) -> str:
        """Its days as one range."""
        return span(self.days)


class Origins(NamedTuple):
    """All of a run, and of each of its cells."""

    run: list[Origin]
    cells: list[Measured]

    @property
    def dates(self) -> str:
        """From the first day of measuring to the last; empty where nothing says."""
        return span(day for cell in self.cells for day in cell.days)


def origins(run: Run, project: Project) -> Origins:
    """Where the numbers of a run come from.

    Raises:
        HaqaError: the database or a response table cannot be read.
    """
    found = {one.cell for one in studies.results(run)}
    machines = {**tests.tests(run).machines, **pairs.pairs(run).machines}
    cells = [
        _measured(cell, project)._replace(confirmed=machines.get(cell.id, ""))
        for cell in run.suite.cells
        if cell.id in found
    ]
    return Origins([*_of_run(run)], cells)


def span(days: Iterable[str]) -> str:
    """Days as one range."""
    ordered = sorted(days)
    return " to ".join(dict.fromkeys([*ordered[:1], *ordered[-1:]]))


def _of_run(run: Run) -> Iterator[Origin]:
    yield Origin("Lock (SHA-256)", run.suite.lock)
    yield Origin("This page was made by", f"haqa-bench {__version__}")
    for name, methods in answered.who(studies.results(run)).items():
        yield Origin(f"Answered as the LLM of {', '.join(methods)}", name)
    for device in {cell.hardware.name: cell.hardware for cell in run.suite.cells}.values():
        yield Origin(device.name, device.title)


def _measured(cell: Cell, project: Project) -> Measured:
    path = project.recording(cell)
    if not path.is_file():
        return Measured(cell.id, cell.hardware.name)
    return _swept(cell, path, project) if cell.space.finite else _tried(cell, path, project)


def _tried(cell: Cell, path: Path, project: Project) -> Measured:
    """A cell by its recorded trials."""
    found = trials.read(path)
    return Measured(
        cell=cell.id,
        hardware=cell.hardware.name,
        path=project.said(path),
        sha256=sha256(read_bytes(path)),
        days=tuple(found.days),
        version=", ".join(sorted({one.haqa_bench for one in found.trials.values()})),
        builds="; ".join(f"{name} {version}" for name, version in found.header.build.items()),
    )


def _swept(cell: Cell, path: Path, project: Project) -> Measured:
    """A cell by its response table."""
    table = tables.read(path)
    return Measured(
        cell=cell.id,
        hardware=cell.hardware.name,
        path=project.said(path),
        sha256=table.sha256,
        days=tuple(table.card.get("measured", ())),
        version=table.card.get("haqa_bench", ""),
        builds="; ".join(_builds(table)),
    )


def _builds(table: tables.ResponseTable) -> Iterator[str]:
    for name, said in BUILDS.items():
        told = sorted({facts[name] for facts in table.entries.facts() if name in facts})
        if told:
            yield f"{said} {', '.join(told)}"
