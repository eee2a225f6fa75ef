"""haqa-bench report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.options import PROJECT, open_suite, project_of
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.report.table import Table


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Replay this suite first, if need be; again for more.",
)
@click.option("--all", "every", is_flag=True, help="Every suite in suites/ of the project.")
@click.option(
    "--table",
    "wanted",
    multiple=True,
    help="Only this table, such as 2, T2, table2, F5 or comparison; again for more.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["md", "csv", "json", "tex", "html"]),
    default="md",
    show_default=True,
)
@click.option(
    "--published/--no-published",
    default=True,
    show_default=True,
    help="With the paper's own numbers beside.",
)
@click.option("--digits", type=click.IntRange(0), help="At most so many digits after the point.")
@click.option(
    "--standalone", is_flag=True, help="With --format tex: a document that compiles by itself."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for all formats of each table; prints nothing else.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Instead: draw each run into this folder; needs matplotlib.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE_OR_FOLDER",
    help="Instead: write one page of all runs to explore.",
)
@PROJECT
def report(
    runs: Sequence[Path],
    suites: Sequence[Path],
    every: bool,
    wanted: Sequence[str],
    kind: str,
    published: bool,
    digits: int | None,
    standalone: bool,
    output: Path | None,
    figures: Path | None,
    html: Path | None,
    project: Path | None,
) -> None:
    """Print the tables of RUNs, folders that `haqa-bench run` wrote, or of suites, from one source
    in any format.
    """
    from haqa_bench.cli import page
    from haqa_bench.report import formats, latex

    if every:
        suites = [*suites, *sorted((project or Path()).glob("suites/*.yaml"))]
    folders = list(dict.fromkeys([*runs, *(replayed(path, project) for path in suites)]))
    if not folders:
        raise HaqaError(
            "report",
            "no RUN, --suite or --all given",
            "A run's folder stands in the last line of: haqa-bench run SUITE",
        )
    if html:
        click.echo(f"Written to {page.write(folders, html, project)}")
    elif figures:
        for folder, label in _labels(folders).items():
            _draw(
                folder,
                project_of(folder, project),
                figures / label if len(folders) > 1 else figures,
            )
    else:
        chosen = _chosen(folders, project, wanted, published, digits)
        if output:
            written = [
                path
                for label, made in chosen.items()
                for name, one in made.items()
                for path in _write(one, output / label, name)
            ]
            click.echo("\n".join(map(str, written)))
            return
        texts = [formats.several(made, kind) for made in chosen.values() if made]
        click.echo(
            latex.document(texts) if standalone and kind == "tex" else "\n".join(texts), nl=False
        )


def _chosen(
    folders: Sequence[Path],
    project: Path | None,
    wanted: Sequence[str],
    published: bool,
    digits: int | None,
) -> "dict[str, dict[str, Table]]":
    """The tables that were asked for, by run and name."""
    from haqa_bench.report import paper, shown

    labels = _labels(folders)
    found = {
        label: paper.tables(folder, project_of(folder, project) / "paper_tables")
        for folder, label in labels.items()
    }
    if any(shown.is_compared(name) for name in wanted):
        found = {label: found[label] | paper.compared(folder) for folder, label in labels.items()}
    chosen = {label: shown.chosen(made, wanted, published, digits) for label, made in found.items()}
    if not any(chosen.values()):
        known = sorted({name for made in found.values() for name in made})
        raise HaqaError(
            "--table", f"{', '.join(wanted)}: no such table", f"Known: {', '.join(known)}"
        )
    return chosen


def _write(table: "Table", folder: Path, name: str) -> list[Path]:
    from haqa_bench.report import formats

    return formats.write(table, folder, name, list(formats.FORMATS))


def _labels(folders: Sequence[Path]) -> dict[Path, str]:
    """What each run is called: its suite, and its folder too where several are of one."""
    suites = [folder.resolve().parent.name for folder in folders]
    return {
        f: s if suites.count(s) == 1 else f"{s}-{f.resolve().name}"
        for f, s in zip(folders, suites, strict=True)
    }


def _draw(run_folder: Path, project: Path, target: Path) -> None:
    from haqa_bench.report.figures import album

    names = album.write(run_folder, project, target)
    for name in names:
        click.echo(target / name)
    click.echo(
        "Each as .pdf, .svg and .png, with its caption in .txt."
        if names
        else "This run holds nothing to draw.",
        err=True,
    )


def replayed(suite_path: Path, project: Path | None) -> Path:
    """The folder of the suite's replay, which is run where it is not there yet."""
    from haqa_bench.cli.run import with_progress
    from haqa_bench.run.executors.local import Serial
    from haqa_bench.run.study import Plan

    suite, folder = open_suite(suite_path, project)
    plan = Plan(
        suite=suite,
        project=folder,
        studies=suite.studies(),
    )
    with_progress(plan, plan.folder, Serial())
    return plan.folder
