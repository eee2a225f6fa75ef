"""haqa-bench report."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli import completion, left_out
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import (
    FORMAT,
    PROJECT,
    QUIET,
    RUNS_FOLDER,
    WIDE,
    parts_of_tables,
    written,
)
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.report.figures.album import Album
    from haqa_bench.report.tables.table import Table


@click.command(
    cls=Command,
    examples=[
        "haqa-bench report llama",
        "haqa-bench report llama --table 4 --format tex",
        "haqa-bench report --all --output tables",
        "haqa-bench report llama --figures figures --only gains,curves",
    ],
)
@click.argument(
    "runs", metavar="[RUN]...", nargs=-1, type=FilePath(), shell_complete=completion.runs
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    shell_complete=completion.suites,
    type=FilePath(),
    help="Replay this suite first, if need be; again for more.",
)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Every suite in suites/ of the project, or else every one that haqa-bench brings.",
)
@click.option(
    "--table",
    "wanted",
    multiple=True,
    help="Only this table, such as 2, T2, table2, F5 or comparison; again for more.",
)
@click.option(
    "--layout",
    "whose",
    type=click.Choice(["ours", "paper"]),
    help="paper: the paper's own tables, its numbers and ours beside. The suite's own, or else "
    "ours, when left out.",
)
@FORMAT
@WIDE
@parts_of_tables
@click.option(
    "--published/--no-published",
    default=True,
    show_default=True,
    help="With the paper's own numbers beside.",
)
@click.option(
    "--digits", type=click.IntRange(0, 15), help="At most so many digits after the point."
)
@click.option(
    "--standalone", is_flag=True, help="With --format tex: a document that compiles by itself."
)
@click.option(
    "--output",
    type=FilePath(file_okay=False),
    help="A folder for all formats of each table; prints nothing else.",
)
@click.option(
    "--figures",
    type=FilePath(file_okay=False),
    help="Instead: draw each run into this folder; needs matplotlib.",
)
@click.option(
    "--only",
    default="",
    metavar="KINDS",
    help="With --figures: only these kinds, such as gains,glance.",
)
@click.option(
    "--html",
    type=FilePath(suffixes=("", ".html", ".htm")),
    metavar="FILE_OR_FOLDER",
    help="Instead: write one page of all runs to explore.",
)
@QUIET
@RUNS_FOLDER
@PROJECT
def report(
    runs: Sequence[Path],
    suites: Sequence[Path],
    every: bool,
    wanted: Sequence[str],
    whose: str | None,
    kind: str,
    wide: bool,
    asked: "Callable[[Mapping[str, Table]], dict[str, Table]]",
    published: bool,
    digits: int | None,
    standalone: bool,
    output: Path | None,
    figures: Path | None,
    only: str,
    html: Path | None,
    project: Path | None,
) -> None:
    """Print the tables of RUNs, folders that `haqa-bench run` wrote, or of suites, from one source
    in any format.
    """
    from haqa_bench.report import formats
    from haqa_bench.report.formats.latex import document

    folders = _folders(runs, suites, every, project)
    if html:
        page = _page(folders, html, project)
        echo(written([page]) if kind == "json" else f"Written to {page}")
    elif figures:
        drawn = _draw(folders, project, figures, only)
        echo(written(drawn) if kind == "json" else "\n".join(map(str, drawn)), nl=bool(drawn))
    else:
        papers = _papers(folders, whose)
        named = _chosen(folders, project, wanted, whose, published, digits)
        chosen = {label: asked(made) for label, made in named.items()}
        if output:
            files = _written(chosen, output, wide, papers)
            echo(written(files) if kind == "json" else "\n".join(map(str, files)))
            return left_out.end()
        texts = {
            label: (formats.in_parts if label in papers else formats.several)(made, kind, wide)
            for label, made in chosen.items()
            if made
        }
        whole = (
            document([*texts.values()]) if standalone and kind == "tex" else _joined(texts, kind)
        )
        echo(whole, nl=False)
    return left_out.end()


def _joined(texts: Mapping[str, str], kind: str) -> str:
    """The tables of several runs; as JSON one object, by run."""
    if kind == "json" and len(texts) > 1:
        by_run = (f"{json.dumps(label)}: {text}" for label, text in texts.items())
        return "{" + ", ".join(by_run) + "}\n"
    return "\n".join(texts.values())


def _folders(
    runs: Sequence[Path], suites: Sequence[Path], every: bool, project: Path | None
) -> list[Path]:
    """The runs that were named, each once, suites replayed."""
    from haqa_bench.cli.progress import replayed
    from haqa_bench.project import find_run, find_suite

    found = _every(project) if every else []
    named = [find_run(str(run), project) for run in runs]
    files = [find_suite(suite, project) for suite in suites]
    folders = [*named, *(replayed(path, project) for path in [*files, *found])]
    if not folders:
        raise HaqaError(
            "report",
            "no RUN, --suite or --all given",
            "List runs with: haqa-bench runs",
        )
    return list(dict.fromkeys(folders))


def _every(project: Path | None) -> list[Path]:
    """The suites of a project, or else those that the package brings; none of suites/paper/."""
    from haqa_bench.project import project_above

    here, pattern = project_above(Path.cwd(), project), "suites/*.yaml"
    return list((here.own.files(pattern) or here.files(pattern)).values())


def _page(folders: Sequence[Path], target: Path, project: Path | None) -> Path:
    from haqa_bench.report.page import page
    from haqa_bench.tune.answer import answer

    return page.write_runs(folders, target, project, answer)


def _papers(folders: Sequence[Path], whose: str | None) -> set[str]:
    """The labels of the runs whose tables are to be the paper's: all, or those whose suite says so
    where nobody asked.
    """
    from haqa_bench.project import open_run

    found = set()
    for folder, label in _labels(folders).items():
        with open_run(folder) as run:
            if (whose or run.suite.layout) == "paper":
                found.add(label)
    return found


def _chosen(
    folders: Sequence[Path],
    project: Path | None,
    wanted: Sequence[str],
    whose: str | None,
    published: bool,
    digits: int | None,
) -> "dict[str, dict[str, Table]]":
    """The tables that were asked for, by run and name."""
    from haqa_bench.report.formats import filters

    makers = {"paper": _in_the_papers_layout, "ours": _made, None: _as_the_suite_says}
    made = makers[whose]
    found = {label: made(folder, project, wanted) for folder, label in _labels(folders).items()}
    chosen = {
        label: filters.chosen(of_run, wanted, published, digits) for label, of_run in found.items()
    }
    if not any(chosen.values()):
        known = sorted({name for of_run in found.values() for name in of_run})
        raise HaqaError("--table", f"{', '.join(wanted)}: no such table", nearest(wanted[0], known))
    return chosen


def _made(folder: Path, project: Path | None, wanted: Sequence[str]) -> "dict[str, Table]":
    """The tables of a run; those that compare methods too, where one is wanted."""
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report.formats import filters
    from haqa_bench.report.tables import catalogue

    where = project_above(folder, project)
    with open_run(folder) as run:
        made = catalogue.tables(run, where)
        if any(filters.is_compared(name) for name in wanted):
            made |= catalogue.compared(run, where)
        left_out.note(run)
    return made


def _as_the_suite_says(
    folder: Path, project: Path | None, wanted: Sequence[str]
) -> "dict[str, Table]":
    """The tables of a run, in the paper's layout where its suite says so and the paper has them."""
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report.paper import catalogue

    with open_run(folder) as run:
        theirs = catalogue.asked(run, project_above(folder, project))
    return catalogue.instead(_made(folder, project, wanted), theirs)


def _in_the_papers_layout(
    folder: Path, project: Path | None, wanted: Sequence[str]
) -> "dict[str, Table]":
    """The paper's tables that a run has cells for."""
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report.paper import catalogue

    with open_run(folder) as run:
        made = catalogue.tables(run, project_above(folder, project))
    if not made:
        raise HaqaError(folder, "no cell of it stands for one of the paper's", "Leave --layout out")
    return made


def _written(
    chosen: "Mapping[str, Mapping[str, Table]]", output: Path, wide: bool, in_full: Collection[str]
) -> list[Path]:
    from haqa_bench.report import formats

    kinds = [kind for kind in formats.FORMATS if kind != "text"]

    return [
        path
        for label, made in chosen.items()
        for name, table in made.items()
        for path in formats.write(table, output / label, name, kinds, wide, label in in_full)
    ]


def _labels(folders: Sequence[Path]) -> dict[Path, str]:
    """What each run is called: its suite, and its folder too where several are of one."""
    suites = [folder.resolve().parent.name for folder in folders]
    return {
        f: s if suites.count(s) == 1 else f"{s}-{f.resolve().name}"
        for f, s in zip(folders, suites, strict=True)
    }


def _draw(folders: Sequence[Path], project: Path | None, target: Path, only: str) -> list[Path]:
    """Each run, in a folder of its own where there are several; then all of them at a glance. What
    was drawn.
    """
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report.figures import album

    kinds = album.kinds(only)
    drawn = []
    homes = {folder: project_above(folder, project) for folder in folders}
    for folder, label in _labels(folders).items():
        place = target / label if len(folders) > 1 else target
        with open_run(folder) as run:
            drawn += _drew(album.write(run, homes[folder], place, kinds), place, label)
    if len(folders) > 1 and "glance" in kinds:
        drawn += _drew(album.write_overview(homes, target), target, "all runs")
    return drawn


def _drew(found: "Album", place: Path, label: str) -> list[Path]:
    """What was drawn; says what was not and why."""
    for one in found.left_out:
        echo(f"{label}: {one.name} is not drawn. {one.why}", err=True)
    if found.drawn:
        echo("Each as .pdf, .svg and .png, with its caption in .txt.", err=True)
    else:
        echo(f"{label}: holds nothing to draw.", err=True)
    return [place / name for name in found.drawn]
