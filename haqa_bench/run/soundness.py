"""Whether all that a project has recorded is sound: what the manifest says, whole, and what the
suites need.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from haqa_bench import shipped, suite, tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import Document, read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.llm import cassette
from haqa_bench.project import Project
from haqa_bench.run import proposals
from haqa_bench.store import confirmed, manifest, tables, trials
from haqa_bench.tracks.qat import pretrained

BROUGHT = "the package's"
"""What stands before the areas of what the package brings."""


class Area(NamedTuple):
    """Some files of a project, how many of them are sound, and what is wrong with the others."""

    name: str
    files: int
    faults: Sequence[str]

    @property
    def sound(self) -> int:
        """The files without a fault."""
        return self.files - len(self.faults)


def check(project: Project) -> list[Area]:
    """All recordings of a project and of the package, and whether their suites can replay them."""
    brought = shipped.folder()
    if project.alone or brought in (None, project.folder):
        return _check(project.folder)
    areas = _check(brought)
    return [*_check(project.folder), *(a._replace(name=f"{BROUGHT}: {a.name}") for a in areas)]


def _check(folder: Path) -> list[Area]:
    """All recordings that lie in one folder."""
    readers: dict[str, Callable[[Path], object]] = {
        "cassettes/**/*.jsonl": check_cassette,
        "results/tables/**/*.parquet": tables.read,
        "results/confirmed/**/*.jsonl": lambda path: confirmed.read(path, finished=True),
        "results/pretrained/**/*.safetensors": pretrained.read,
        "results/proposals/*.jsonl": proposals.read,
        "results/trials/*/*.jsonl": trials.read,
    }
    areas = [_manifest(folder)]
    for pattern, read in readers.items():
        paths = sorted(folder.glob(pattern))
        areas.append(_area(pattern.partition("/*")[0], paths, read))
    suites = sorted(folder.glob("suites/**/*.yaml"))
    return [*areas, _area("suites", suites, lambda path: _replayable(Project(folder), path))]


def _manifest(folder: Path) -> Area:
    """What is not listed, is another than is listed, or is listed and gone."""
    path, faults = folder / manifest.NAME, manifest.differences(folder)
    if not path.is_file():
        return Area(manifest.NAME, len(faults), faults)
    return Area(
        manifest.NAME, len(manifest.read(path).keys() | manifest.found(folder).keys()), faults
    )


def _area(name: str, paths: Iterable[Path], read: Callable[[Path], object]) -> Area:
    paths, faults = list(paths), []
    for path in paths:
        try:
            read(path)
        except HaqaError as error:
            faults.append(str(error))
    return Area(name, len(paths), faults)


def check_cassette(path: Path) -> None:
    """Raises HaqaError for a cassette that is damaged, lies where another study's should, or is of
    a fork of another recording than there is now.
    """
    card = cassette.read(path).card
    study = str(card["study"])
    name, cell, method, seed = (study.split("/") + [""] * 4)[:4]
    place = (name, cell, f"{method}-{seed.replace('seed', 's')}.jsonl")
    if path.resolve().parts[-3:] != place:
        raise HaqaError(path, f"is the cassette of {study}", "Move it to its place")
    if "fork" in card:
        _forks_what_there_is(path, json.dumps(card["fork"]))


class _Fork(Document):
    """What the card of a fork says of the recording that it begins as."""

    study: str
    round: int
    cassette: str = Field(pattern=r"^cassettes(/[A-Za-z0-9][A-Za-z0-9._-]*)+$")
    sha256: str


def _forks_what_there_is(path: Path, told: str) -> None:
    try:
        fork = _Fork.model_validate_json(told)
    except ValidationError as error:
        what = f"its card's fork: {error.errors()[0]['msg']}"
        raise HaqaError(path, what, "Restore the file, or record it again") from None
    origin = shipped.found(path.resolve().parents[3], fork.cassette)
    if not origin.is_file() or sha256(read_bytes(origin)) != fork.sha256:
        what = f"is of a fork of another {fork.cassette} than there is now"
        raise HaqaError(path, what, "Restore that one, or record the fork again")


def _replayable(project: Project, path: Path) -> None:
    """Raises HaqaError for a suite that is wrong, or a recording that does not fit it."""
    for cell in suite.load(path, project.folder).cells:
        _fits(project, cell)


def _fits(project: Project, cell: Cell) -> None:
    if project.recording(cell).is_file():
        tracks.of(cell).recorded(cell, project.recording(cell))
    recorded = project.confirmed(cell)
    if recorded.is_file() and confirmed.read(recorded).card.cell != cell.id:
        raise HaqaError(recorded, f"is not of {cell.id}", "Move it to its place")
