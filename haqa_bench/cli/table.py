"""haqa-bench table."""

from pathlib import Path

import click

from haqa_bench.cli.options import PROJECT, SUITE, chosen, open_suite
from haqa_bench.errors import HaqaError


@click.group()
def table() -> None:
    """Show and export response tables."""


@table.command()
@SUITE
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
@PROJECT
def show(suite_path: Path, cells: str | None, project: Path | None) -> None:
    """Show the response tables of SUITE's cells: size, failures, default, optimum, and when they were measured."""
    from haqa_bench.evaluators.table import TableEvaluator
    from haqa_bench.space import key_of
    from haqa_bench.store import tables

    suite, folder = open_suite(suite_path, project)
    for cell in {s.cell.id: s.cell for s in chosen(suite, cells, None)}.values():
        found = tables.read(tables.path_of(folder, cell))
        tables.check(found, cell)
        evaluator, unit = TableEvaluator(found, cell), cell.objective.unit
        ranks = [outcome.rank for outcome in evaluator.outcomes.values() if outcome.rank is not None]
        default = next((m for m in found.entries[key_of(cell.space.default)].measurements if m.name == cell.objective.metric), None)
        click.echo(f"{cell.id}: {found.path}")
        click.echo(
            f"  {len(found.entries)} configurations, {sum(not e.measurements for e in found.entries.values())} could not be measured"
        )
        values = f"default {default.value if default else 'none'}, optimum {evaluator.optimum} {unit}"
        click.echo(f"  {len(ranks)} feasible; {cell.objective.metric}: {values}")
        click.echo(f"  measured {' to '.join(found.card.get('measured', ['unknown']))}, {found.card.get('passes', 'unknown')} passes")


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
