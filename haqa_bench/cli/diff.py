"""haqa-bench diff."""

import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.options import (
    FORMAT,
    PROJECT,
    QUIET,
    RUNS_FOLDER,
    WIDE,
    parts_of_tables,
)
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.report.tables.table import Table

RESULTS = (
    "results/tables",
    "results/trials",
    "results/confirmed",
    "results/pretrained",
    "results/proposals",
)
PARTS = ("suites", "hardware", "prompts", "cassettes", *RESULTS)
"""What of a commit is replayed."""
RENAMED = {"results/verified": "results/confirmed"}
"""Folders by the names of earlier commits."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench diff HEAD~5 HEAD --suite llama",
    ],
)
@click.argument("then", metavar="A", shell_complete=completion.runs)
@click.argument("now", metavar="B", shell_complete=completion.runs)
@click.option(
    "--suite",
    default="llama",
    show_default=True,
    shell_complete=completion.suites,
    help="Which suite of two commits is replayed: its name, or its file's path in the project.",
)
@FORMAT
@WIDE
@parts_of_tables
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 where anything of what is printed differs."
)
@QUIET
@RUNS_FOLDER
@PROJECT
def diff(
    then: str,
    now: str,
    suite: str,
    kind: str,
    wide: bool,
    asked: "Callable[[Mapping[str, Table]], dict[str, Table]]",
    exit_code: bool,
    project: Path | None,
) -> None:
    """Compare two runs, or a suite's replay at two commits: what changed, by how much, beyond noise
    or not, and which cells went stale. The last line counts it.

    A and B are each a run, as `haqa-bench runs` names it, or a revision of the project's git
    repository, such as HEAD~5. With --exit-code a script is told: 0 all the same, 1 something
    changed, 2 a fault.
    """
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report import diff as comparison
    from haqa_bench.report import formats

    with ExitStack() as stack:
        where = project_above(Path.cwd(), project).folder
        sides = (_run_of(side, suite, where, project) for side in (then, now))
        folders = [stack.enter_context(side) for side in sides]
        old, new = (stack.enter_context(open_run(folder)) for folder in folders)
        found = comparison.changes(old, new)
        shown = asked({"diff": comparison.table(old, new, found)})
    told = {(key.cell, key.method) for table in shown.values() for key in table.keys}
    left = [change for change in found if (change.cell, change.method) in told]
    echo(formats.several(shown, kind, wide), nl=False)
    echo(comparison.summary(left), err=kind not in ("text", "md"))
    if exit_code and comparison.differs(left):
        raise click.exceptions.Exit(1)


@contextmanager
def _run_of(side: str, suite: str, where: Path, project: Path | None) -> Iterator[Path]:
    """The folder of a run: the one named, or the replay of a commit's recordings by this
    version.
    """
    from haqa_bench.cli.progress import replayed

    if run := _run_named(side, project):
        yield run
        return
    with TemporaryDirectory() as folder:
        _unpack(side, where, Path(folder))
        yield replayed(_suite_of(side, Path(folder), suite), Path(folder))


def _suite_of(side: str, folder: Path, suite: str) -> Path:
    """The suite that was named, among those of a revision."""
    from haqa_bench.project import Project

    own = Project(folder).own
    known = own.suites
    called = [suite, *own.suites_named(suite)]
    path = next((known[one] for one in called if one in known), folder / suite)
    if not path.is_file():
        raise HaqaError(side, f"has no suite '{suite}'", nearest(suite, known))
    return path


def _run_named(side: str, project: Path | None) -> Path | None:
    """The run of that name; None for what may be a revision."""
    from haqa_bench.project import find_run

    with suppress(HaqaError):
        return find_run(side, project)
    return None


def _unpack(revision: str, project: Path, folder: Path) -> None:
    """Writes what is recorded at a revision into a folder."""
    git = ["git", "-C", str(project)]
    try:
        known = subprocess.run(
            [*git, "ls-tree", "--name-only", revision, "--", *PARTS, *RENAMED],
            capture_output=True,
            text=True,
            check=False,
        )
        parts = known.stdout.splitlines()
        made = subprocess.run(
            [*git, "archive", revision, "--", *(parts or PARTS)], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise HaqaError(
            "git", "is not installed", "Compare the folders of two runs instead"
        ) from None
    if made.returncode != 0:
        said = (made.stderr.decode(errors="replace").strip().splitlines() or ["no such revision"])[
            -1
        ]
        raise HaqaError(
            revision,
            f"names neither one run nor a revision here: {said}",
            "List runs with: haqa-bench runs",
        )
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        archive.extractall(folder, filter="data")
    for old, new in RENAMED.items():
        if (folder / old).is_dir():
            (folder / old).rename(folder / new)
