"""haqa-bench table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench import disk
from haqa_bench.cli.command import Group
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import (
    CELLS,
    JSON,
    PROJECT,
    SUITE,
    chosen,
    open_suite,
    written,
)
from haqa_bench.cli.table_check import accept, check, machines
from haqa_bench.cli.table_import import import_
from haqa_bench.cli.table_part import close, take_in
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from haqa_bench.cell import Cell
    from haqa_bench.suite import Suite


@click.group(
    cls=Group,
    examples=[
        "haqa-bench table show llama",
        "haqa-bench table export kernels --output caches",
    ],
)
def table() -> None:
    """Show, export, import and judge response tables."""


@table.command(
    examples=[
        "haqa-bench table show llama --cells '*int4*'",
    ],
)
@SUITE
@CELLS
@PROJECT
@JSON
def show(suite_path: Path, cells: str | None, project: Path | None, as_json: bool) -> None:
    """Show the response tables of SUITE's cells: size, failures, default, optimum, and when they
    were measured.
    """
    suite, folder = open_suite(suite_path, project)
    found = [_facts(cell, folder) for cell in _tabulated(suite, cells)]
    if as_json:
        echo(json.dumps(found, indent=2))
        return
    for facts in found:
        echo(f"{facts['cell']}: {facts['path']}")
        echo(f"  {facts['configurations']} configurations, {facts['failed']} could not be measured")
        echo(
            f"  {facts['feasible']} feasible; {facts['metric']}: default "
            f"{facts['default']}, optimum {facts['optimum']} {facts['unit']}"
        )
        echo(f"  {_origin(facts)}")
        for built in facts["built"]:
            echo(f"  on {built}")
        if facts["stale"]:
            echo(f"  {facts['stale']}")


def _tabulated(suite: "Suite", cells: str | None) -> "Collection[Cell]":
    """The cells that were asked for, which response tables must be able to hold."""
    from haqa_bench.store.recorded import needs_table

    kept = {s.cell.id: s.cell for s in chosen(suite, cells, None)}.values()
    needs_table(kept)
    return kept


def _origin(facts: "Mapping[str, Any]") -> str:
    """Where a table's numbers came from."""
    if facts["imported"]:
        return f"imported from {facts['imported']} (sha256 {facts['imported_sha256']})"
    days = " to ".join(facts["measured"]) or "unknown"
    found = f"{facts['source']} {days}, {facts['passes'] or 'unknown'} passes"
    if best := facts["best"]:
        found += f", {best['passes']} more of the best {best['configurations']}"
    return found


def _facts(cell: "Cell", project: Path) -> dict[str, Any]:
    from haqa_bench import tracks
    from haqa_bench.project import Project
    from haqa_bench.space import key_of
    from haqa_bench.store import tables
    from haqa_bench.tracks.replayed import TableEvaluator

    if not tracks.of(cell).swept:
        raise HaqaError(
            cell.id,
            f"what the track {cell.track} decides is simulated: there is no response table",
            "Leave it out with --cells",
        )
    table = tables.read(Project(project).table(cell))
    tables.check(table, cell)
    evaluator = TableEvaluator(table, cell)
    default = table.entries[key_of(cell.space.default)].measurements
    imported = table.card.get(tables.IMPORTED)
    return {
        "cell": cell.id,
        "path": str(table.path),
        "configurations": len(table.entries),
        "failed": table.entries.unknown,
        "feasible": int((evaluator.ranks > 0).sum()),
        "metric": cell.objective.metric,
        "unit": cell.objective.unit,
        "default": next((m.value for m in default if m.name == cell.objective.metric), None),
        "optimum": evaluator.whole.optimum if evaluator.whole else None,
        "measured": table.card.get("measured", []),
        "passes": table.card.get("passes"),
        "best": table.card.get("best"),
        "source": "imported" if imported else table.card.get("source", "measured"),
        "imported": imported,
        "imported_sha256": table.card.get(tables.IMPORTED_SHA256),
        "built": sorted({words for facts in table.entries.facts() if (words := _built(facts))}),
        "stale": tables.stale(table),
    }


def _built(facts: "Mapping[str, str]") -> str:
    """Backend, build and driver that a configuration ran on, as far as they are recorded."""
    named = (
        "backends",
        "build_commit",
        "llama_cpp_python",
        "ggml",
        "device",
        "driver",
        "gpu",
        "versions",
    )
    return ", ".join(f"{name} {facts[name]}" for name in named if name in facts)


@table.command(
    examples=[
        "haqa-bench table export kernels --format t4 --output results-t4",
    ],
)
@SUITE
@CELLS
@click.option(
    "--format",
    "form",
    type=click.Choice(["cache", "t4"]),
    default="cache",
    show_default=True,
    help="Which of its forms.",
)
@click.option(
    "--output",
    type=FilePath(file_okay=False),
    required=True,
    help="Folder for one CELL.json each.",
)
@PROJECT
@JSON
def export(
    suite_path: Path,
    cells: str | None,
    form: str,
    output: Path,
    project: Path | None,
    as_json: bool,
) -> None:
    """Export the response tables of SUITE's cells for Kernel Tuner: as caches for its simulation
    mode, or as T4 results.
    """
    from haqa_bench.project import Project
    from haqa_bench.store import tables
    from haqa_bench.store.kernel_tuner import exported

    suite, folder = open_suite(suite_path, project)
    write = exported.to_t4 if form == "t4" else exported.to_cache
    files = []
    for cell in _tabulated(suite, cells):
        found = tables.read(Project(folder).table(cell))
        tables.check(found, cell)
        path = output / f"{cell.id}.json"
        files.append(disk.write(path, json.dumps(write(found, cell), indent=1) + "\n"))
    echo(written(files) if as_json else "\n".join(map(str, files)))


table.add_command(import_)
table.add_command(check)
table.add_command(accept)
table.add_command(machines)
table.add_command(take_in)
table.add_command(close)
