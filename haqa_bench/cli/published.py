"""haqa-bench published."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import FORMAT, PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.report.published.document import PublishedTable
    from haqa_bench.report.tables.table import Table


@click.command(
    cls=Command,
    examples=[
        "haqa-bench published --table 2",
        "haqa-bench published --check",
    ],
)
@click.argument("file", required=False, type=FilePath())
@click.option(
    "--table",
    "wanted",
    multiple=True,
    help="Only this table, such as 2, T2, table2 or F5; again for more.",
)
@FORMAT
@click.option(
    "--standalone", is_flag=True, help="With --format tex: a document that compiles by itself."
)
@click.option(
    "--check",
    "checked",
    is_flag=True,
    help="Instead: recompute averages and ratios, compare differences, and say what disagrees.",
)
@PROJECT
def published(
    file: Path | None,
    wanted: Sequence[str],
    kind: str,
    standalone: bool,
    checked: bool,
    project: Path | None,
) -> None:
    """Print the tables that the paper published, in its own layout, from paper_tables/ alone; or,
    of FILE, a table of that form (docs/published.md).
    """
    found = _found(file, project)
    if checked:
        echo(_checked(found, wanted, kind == "json"), nl=False)
        return
    from haqa_bench.report import formats
    from haqa_bench.report.formats.latex import document
    from haqa_bench.report.published import layout

    whole = kind not in ("text", "tex")
    text = formats.in_parts(_chosen(layout.every(found), wanted), kind, whole)
    echo(document([text]) if standalone and kind == "tex" else text, nl=False)


def _found(file: Path | None, project: Path | None) -> "dict[str, PublishedTable]":
    from haqa_bench.documents import read_yaml
    from haqa_bench.report.published import document

    if file:
        return {file.stem: read_yaml(file, document.PublishedTable)}
    from haqa_bench.project import project_above

    return document.load_all(project_above(Path.cwd(), project).folder / "paper_tables")


def _chosen(made: "dict[str, Table]", wanted: Sequence[str]) -> "dict[str, Table]":
    from haqa_bench.report.formats import filters

    chosen = filters.chosen(made, wanted, True, None)
    if not chosen:
        raise HaqaError("--table", f"{', '.join(wanted)}: no such table", nearest(wanted[0], made))
    return chosen


def _checked(found: "dict[str, PublishedTable]", wanted: Sequence[str], as_json: bool) -> str:
    from haqa_bench.report.published import checks, layout

    chosen = _chosen(layout.every(found), wanted)
    findings = [
        finding
        for name, table in found.items()
        for finding in checks.of(table)
        if {name, layout.named(finding.table)} & chosen.keys()
    ]
    return checks.as_json(findings) if as_json else checks.as_text(findings)
