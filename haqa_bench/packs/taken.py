"""Takes together what a run, or `tabulate`, measured on one machine, as the files of a pack."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from haqa_bench import hardware
from haqa_bench.cell import Cell
from haqa_bench.documents import read_bytes
from haqa_bench.errors import HaqaError
from haqa_bench.packs import card, form
from haqa_bench.packs.private import found_in
from haqa_bench.project import Project, confirmed_in, suite_of
from haqa_bench.run import complete
from haqa_bench.run.header import fixed
from haqa_bench.run.runner import alone
from haqa_bench.store import confirmed, database, failures, manifest, tables
from haqa_bench.store.journal import read_lines
from haqa_bench.store.recorded import needs_table
from haqa_bench.study import Study
from haqa_bench.suite import Suite
from haqa_bench.trial import Source

OTHERS = "Choose cells of one machine with --cells"
TABULATE = "Measure it with: haqa-bench tabulate SUITE; or run it with --measure live"


class Taken(NamedTuple):
    """The files of a pack, by their paths in it, without manifest and form."""

    machine: str
    files: Mapping[str, bytes]


def from_tables(suite: Suite, cells: Sequence[Cell], project: Project, name: str) -> Taken:
    """What `tabulate` measured of some cells of a suite, with what was confirmed of them.

    Raises:
        HaqaError: nothing was, or not here; a table is damaged; or the cells are of two machines.
    """
    needs_table(cells)
    project = project.own  # what the package brings was measured by others
    measured = [cell for cell in cells if project.table(cell).is_file() and not cell.simulated]
    if not measured:
        raise HaqaError(suite.name, "no cell of it has a table that was measured", TABULATE)
    files: dict[str, bytes] = {}
    for cell in measured:
        files |= _table(cell, project) | _confirmed(cell, project.folder / "results")
    return _with_card(files, suite, measured, "", name)


def _table(cell: Cell, project: Project) -> dict[str, bytes]:
    path = project.table(cell)
    table = tables.read(path)
    tables.check(table, cell)
    if tables.IMPORTED in table.card or table.card.get("source") == Source.SIMULATED:
        raise HaqaError(path, "was not measured by haqa-bench", "Leave it out with --cells")
    return {project.said(path): read_bytes(path)}


def _confirmed(cell: Cell, results: Path) -> dict[str, bytes]:
    """What was confirmed of a cell, in a project's results or a run's folder."""
    path = confirmed_in(results, cell)
    if not path.is_file():
        return {}
    confirmed.read(path)
    return {f"results/{path.relative_to(results).as_posix()}": read_bytes(path)}


def from_run(folder: Path, project: Project, chosen: Collection[str], name: str) -> Taken:
    """What a live run measured of the `chosen` cells (all where none are).

    Raises:
        HaqaError: it measured nothing, goes on still, was not finished or is damaged; or its cells
        are of two machines.
    """
    with _alone(folder):
        suite = suite_of(folder)
        studies = [s for s in suite.studies() if not chosen or s.cell.id in chosen]
        begun = [s for s in studies if _journal(folder, s).is_file()]
        _check_sound(folder, suite, begun)
        measured = [s for s in begun if _measures(folder, s)]
        if not measured:
            what = "is a replay, or simulated: it measured nothing"
            todo = "Measure with: haqa-bench run SUITE --measure live; what tabulate measured is "
            raise HaqaError(folder, what, todo + "packed from the suite's file")
        files: dict[str, bytes] = {}
        for study in measured:
            path = _journal(folder, study)
            files[path.relative_to(folder).as_posix()] = read_bytes(path)
            files |= _cassette(study, project, folder.name)
        cells = list({s.cell.id: s.cell for s in measured}.values())
        for cell in cells:
            files |= _confirmed(cell, folder)
        return _with_card(files, suite, cells, folder.name, name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = alone(folder)
    try:
        yield
    finally:
        lock.release()


def _journal(folder: Path, study: Study) -> Path:
    return folder / "journal" / study.cell.id / study.file.name


def _check_sound(folder: Path, suite: Suite, studies: Sequence[Study]) -> None:
    """Raises HaqaError for a run that did not end, or has a damaged journal or a failed study."""
    if wrong := complete.changed_since(folder):
        raise HaqaError(folder, wrong, "Go on with the same command: it resumes")
    expected, failed = fixed(suite), failures.read(folder)
    for study in studies:
        path = _journal(folder, study)
        lines = read_lines(path)
        database.check_head(path, lines, expected.get(f"{path.parent.name}/{path.name}"))
        if study.id in failed:
            raise HaqaError(study.id, f"failed: {failed[study.id].what}", "Leave it out, or rerun")


def _measures(folder: Path, study: Study) -> bool:
    path = _journal(folder, study)
    trials = database.trials(path, read_lines(path))
    return any(m.source is Source.MEASURED for t in trials for m in t.measurements)


def _cassette(study: Study, project: Project, run: str) -> dict[str, bytes]:
    """What an LLM answered in this run, where it was recorded."""
    path = project.own.cassette(study)
    if not study.method.chat or not path.is_file():
        return {}
    mine = read_lines(path)[0].get("run") == run
    return {project.said(path): read_bytes(path)} if mine else {}


def _with_card(
    files: Mapping[str, bytes], suite: Suite, cells: Sequence[Cell], run: str, name: str
) -> Taken:
    machine = card.one_machine(cells)
    if not machine:
        raise HaqaError(suite.name, "these cells are of several machines", OTHERS)
    kept = _bare(suite)
    stripped = kept.lock != suite.lock
    own = card.card_of(name or machine, suite.name, suite.lock, run, stripped)
    profile = next(c.hardware for c in kept.cells if c.hardware.name == machine)
    made = {
        **files,
        card.NAME: f"{own.model_dump_json(indent=2)}\n".encode(),
        card.SUITE: f"{kept.model_dump_json(indent=1)}\n".encode(),
        f"hardware/{machine}.yaml": hardware.to_yaml(profile).encode(),
    }
    _check_private(made)
    return Taken(own.machine, made)


def _bare(suite: Suite) -> Suite:
    """The suite without any address of a device."""
    cells = [
        cell.model_copy(update={"hardware": cell.hardware.model_copy(update={"target": ""})})
        for cell in suite.cells
    ]
    return suite.model_copy(update={"cells": tuple(cells)})


def _check_private(files: Mapping[str, bytes]) -> None:
    """Raises HaqaError where a file holds what is nobody else's business."""
    for name, data in sorted(files.items()):
        for found in found_in(name, data, here=True):
            raise HaqaError(name, f"holds {found}", "Take it out of the suite or the profile")


def sealed(taken: Taken, answers: str = "") -> dict[str, bytes]:
    """All files of a pack: with its manifest and its form, blank where nothing is answered yet."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in taken.files.items()]
    text = "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line[66:]))
    return {
        **taken.files,
        manifest.NAME: text.encode(),
        form.NAME: (answers or form.BLANK).encode(),
    }


def as_json(taken: Taken, target: Path) -> str:
    """What was packed, and where, for scripts."""
    found = {"pack": str(target), "machine": taken.machine, "files": sorted(taken.files)}
    return json.dumps(found, indent=2)
