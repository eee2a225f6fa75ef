"""haqa-bench table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench.cli.options import JSON, PROJECT, SUITE, chosen, open_suite
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.suite import Cell


@click.group()
def table() -> None:
    """Show and export response tables."""


@table.command()
@SUITE
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
@PROJECT
@JSON
def show(suite_path: Path, cells: str | None, project: Path | None, as_json: bool) -> None:
    """Show the response tables of SUITE's cells: size, failures, default, optimum, and when they were measured."""
    suite, folder = open_suite(suite_path, project)
    found = [_facts(cell, folder) for cell in {s.cell.id: s.cell for s in chosen(suite, cells, None)}.values()]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for facts in found:
        click.echo(f"{facts['cell']}: {facts['path']}")
        click.echo(f"  {facts['configurations']} configurations, {facts['failed']} could not be measured")
        click.echo(
            f"  {facts['feasible']} feasible; {facts['metric']}: default {facts['default']}, optimum {facts['optimum']} {facts['unit']}"
        )
        click.echo(f"  measured {' to '.join(facts['measured']) or 'unknown'}, {facts['passes'] or 'unknown'} passes")


def _facts(cell: "Cell", project: Path) -> dict[str, Any]:
    from haqa_bench.evaluators.table import TableEvaluator
    from haqa_bench.space import key_of
    from haqa_bench.store import tables

    table = tables.read(tables.path_of(project, cell))
    tables.check(table, cell)
    evaluator = TableEvaluator(table, cell)
    default = table.entries[key_of(cell.space.default)].measurements
    return {
        "cell": cell.id,
        "path": str(table.path),
        "configurations": len(table.entries),
        "failed": sum(not entry.measurements for entry in table.entries.values()),
        "feasible": sum(outcome.rank is not None for outcome in evaluator.outcomes.values()),
        "metric": cell.objective.metric,
        "unit": cell.objective.unit,
        "default": next((m.value for m in default if m.name == cell.objective.metric), None),
        "optimum": evaluator.optimum,
        "measured": table.card.get("measured", []),
        "passes": table.card.get("passes"),
    }


@table.command()
@SUITE
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for one CELL.json each.")
@PROJECT
def export(suite_path: Path, cells: str | None, output: Path, project: Path | None) -> None:
    """Export the response tables of SUITE's cells as Kernel Tuner cache files, for its simulation mode."""
    from haqa_bench.store import kernel_tuner, tables

    suite, folder = open_suite(suite_path, project)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HaqaError(output, error.strerror or str(error), "Name a folder that can be written") from None
    for cell in {s.cell.id: s.cell for s in chosen(suite, cells, None)}.values():
        found = tables.read(tables.path_of(folder, cell))
        tables.check(found, cell)
        kernel_tuner.export(found, cell, output / f"{cell.id}.json")
        click.echo(output / f"{cell.id}.json")
