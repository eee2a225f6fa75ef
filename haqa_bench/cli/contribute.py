"""haqa-bench contribute."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench import disk
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.options import (
    HARDWARE,
    JSON,
    PROJECT,
    RUNS_FOLDER,
    chosen,
    matching,
    open_elsewhere,
)
from haqa_bench.cli.table_check import check_machine
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.packs.taken import Taken


@click.command(
    cls=Command,
    examples=[
        "haqa-bench contribute kernels --cells '*rope*'",
        "haqa-bench contribute suites/kernels.yaml --cells '*rope*' --hardware my-machine",
    ],
)
@click.argument("what", metavar="RUN|SUITE.yaml", type=FilePath())
@click.option(
    "--output",
    metavar="PACK",
    type=FilePath(),
    help="A new folder, or an archive that ends with .tar.gz; contributed/MACHINE-SUITE of the "
    "project when left out.",
)
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
@HARDWARE
@click.option("--name", default="", metavar="MACHINE", help="What others shall call the machine.")
@click.option("--form", type=FilePath(dir_okay=False), help="A form that is filled in already.")
@RUNS_FOLDER
@PROJECT
@JSON
def contribute(
    what: Path,
    output: Path | None,
    cells: str | None,
    hardware: str | None,
    name: str,
    form: Path | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Pack what RUN measured live on this machine, or what tabulate measured of SUITE.yaml, to give
    it to a project.

    No path, user or host name and no key goes into the pack. Fill in its FORM.yaml, and judge it
    with `haqa-bench table check`.
    """
    from haqa_bench.packs import form as forms
    from haqa_bench.packs.taken import as_json as told
    from haqa_bench.packs.taken import sealed
    from haqa_bench.project import find_suite, project_above

    if name:
        check_machine("--name", name)
    here = project_above(find_suite(what, project) if _is_suite(what) else what, project)
    taken = _taken(what, here.folder, cells, hardware, name)
    target = output or here.folder / "contributed" / f"{taken.machine}-{what.stem}"
    _write(target, sealed(taken, _answers(form)))
    if as_json:
        echo(told(taken, target))
        return
    echo(target)
    if not form:
        echo(
            f"Fill in {target / forms.NAME}, then run: haqa-bench table check --mine {target}",
            err=True,
        )


def _is_suite(what: Path) -> bool:
    return what.suffix in (".yaml", ".yml")


def _answers(form: Path | None) -> str:
    """A form that is filled in already; nothing where none is given."""
    from haqa_bench.documents import read_text
    from haqa_bench.packs.form import read

    if form is None:
        return ""
    read(form)
    return read_text(form)


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    """A pack as a new folder, or as a new archive where its name says so."""
    from haqa_bench.packs import archive

    if target.exists():
        raise HaqaError(target, "is there already", "Name another with --output, or remove it")
    if target.name.endswith(archive.SUFFIX):
        disk.write(target, archive.packed(files))
    else:
        for path, data in sorted(files.items()):
            disk.write(target / path, data)


def _taken(what: Path, folder: Path, cells: str | None, hardware: str | None, name: str) -> "Taken":
    from haqa_bench.packs import taken
    from haqa_bench.project import Project, find_run, find_suite, suite_of

    if _is_suite(what):
        suite, folder = open_elsewhere(find_suite(what, folder), folder, hardware, cells)
        kept = {s.cell.id: s.cell for s in chosen(suite, None if hardware else cells, None)}
        return taken.from_tables(suite, list(kept.values()), Project(folder), name)
    if hardware:
        raise HaqaError("--hardware", "is of tables alone", "A run says where it was measured")
    run = find_run(str(what), folder)
    known = [cell.id for cell in suite_of(run).cells]
    ids = matching("--cells", cells, known) if cells else ()
    return taken.from_run(run, Project(folder), ids, name)
