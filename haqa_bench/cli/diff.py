"""haqa-bench diff."""

import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.options import FORMAT, PROJECT, RUNS_FOLDER, WIDE, parts_of_tables
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.report.tables.table import Table

RESULTS = ("results/tables", "results/confirmed", "results/proposals")
PARTS = ("suites", "hardware", "prompts", "cassettes", *RESULTS)
"""What of a commit is replayed."""
RENAMED = {"results/verified": "results/confirmed"}
"""Folders by the names of earlier commits."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench diff HEAD~1 HEAD --suite suites/llama.yaml",
    ],
)
@click.argument("then", metavar="A")
@click.argument("now", metavar="B")
@click.option(
    "--suite",
    default="suites/llama.yaml",
    show_default=True,
    help="Which suite of two commits is replayed.",
)
@FORMAT
@WIDE
@parts_of_tables
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything differs.")
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
    or not, and which cells went stale.

    A and B are folders that `haqa-bench run` wrote, or revisions of the project's git repository,
    such as HEAD~5.
    """
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report import diff as comparison
    from haqa_bench.report import formats

    with ExitStack() as stack:
        where = project_above(Path.cwd(), project).folder
        folders = [stack.enter_context(_run_of(side, suite, where)) for side in (then, now)]
        runs = [stack.enter_context(open_run(folder)) for folder in folders]
        table = comparison.table(*runs)
    echo(formats.several(asked({"diff": table}), kind, wide), nl=False)
    if exit_code and comparison.differs(table):
        raise click.exceptions.Exit(1)


@contextmanager
def _run_of(side: str, suite: str, project: Path) -> Iterator[Path]:
    """The folder of a run: the one named, or the replay of a commit's recordings by this
    version.
    """
    if (Path(side) / "lock.json").is_file():
        yield Path(side)
        return
    from haqa_bench.cli.progress import replayed

    with TemporaryDirectory() as folder:
        _unpack(side, project, Path(folder))
        if not (Path(folder) / suite).is_file():
            raise HaqaError(side, f"has no {suite}", "Name another with --suite")
        yield replayed(Path(folder) / suite, Path(folder))


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
            f"neither a run's folder nor a revision here: {said}",
            "Name what `haqa-bench run` wrote, or a commit",
        )
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        archive.extractall(folder, filter="data")
    for old, new in RENAMED.items():
        if (folder / old).is_dir():
            (folder / old).rename(folder / new)
