"""The page of runs, with the cassettes of their project; and haqa-bench view."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.options import PROJECT, RUNS, project_of

if TYPE_CHECKING:
    from haqa_bench.report.page.runs import Recording


@click.command()
@RUNS
@PROJECT
def view(run_folders: Sequence[Path], project: Path | None) -> None:
    """Explore RUNs in the browser: their tables, curves, and every round of every study.

    Writes report.html, one file that loads nothing, to the folder of the first RUN, and opens it.
    """
    import webbrowser

    path = write(run_folders, run_folders[0], project)
    opened = webbrowser.open(path.resolve().as_uri())
    click.echo(
        f"Written to {path}" + ("" if opened else "; no browser was found here: open it in yours")
    )


def write(run_folders: Sequence[Path], target: Path, given: Path | None) -> Path:
    """Writes the page of runs to a file or folder; its path."""
    from haqa_bench.report.page import page

    runs = []
    for folder in dict.fromkeys(run_folders):
        project = project_of(folder, given)
        runs.append(page.Run(folder, project / "paper_tables", _recordings(folder, project)))
    return page.write(runs, target)


def _recordings(folder: Path, project: Path) -> "dict[str, Recording]":
    """The cassettes that the project has of a run's studies, by the study's id."""
    from haqa_bench.llm import cassette
    from haqa_bench.report.page.runs import Recording, Said
    from haqa_bench.store.database import suite_of

    found = {}
    for study in suite_of(folder).studies():
        path = project / "cassettes" / study.file
        if study.method.chat and path.is_file():
            said = [
                Said(
                    *e.position,
                    [(m["role"], m["content"]) for m in e.body["messages"]],
                    e.reply.content,
                )
                for e in cassette.read(path).exchanges
            ]
            found[study.id] = Recording(path.relative_to(project).as_posix(), said)
    return found
