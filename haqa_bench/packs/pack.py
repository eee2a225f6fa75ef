"""A pack that was opened: each of its files read once, and what is wrong with those that cannot
be.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, read_bytes, read_json, read_yaml
from haqa_bench.errors import HaqaError
from haqa_bench.hardware import Hardware
from haqa_bench.llm import cassette
from haqa_bench.llm.cassette import Cassette
from haqa_bench.packs import archive, card, form
from haqa_bench.packs.bounded import check_table
from haqa_bench.packs.card import Card
from haqa_bench.packs.form import Form
from haqa_bench.store import confirmed, database, manifest, tables
from haqa_bench.store.confirmed import Confirmed
from haqa_bench.store.journal import read_lines
from haqa_bench.store.tables import ResponseTable
from haqa_bench.suite import Suite
from haqa_bench.trial import Trial

Read = TypeVar("Read")


class Study(NamedTuple):
    """A journal of a live run: its first line, and its trials."""

    head: JsonObject
    trials: Sequence[Trial]


class Pack(NamedTuple):
    """What a pack holds, by the paths of its files in it. `unread` says of each that is damaged
    what is wrong with it; card, suite, form and profile are None then.
    """

    folder: Path
    names: Sequence[str]
    card: Card | None
    suite: Suite | None
    form: Form | None
    hardware: Hardware | None
    tables: Mapping[str, ResponseTable]
    confirmed: Mapping[str, Confirmed]
    studies: Mapping[str, Study]
    cassettes: Mapping[str, Cassette]
    unread: Mapping[str, str]

    @property
    def cells(self) -> Mapping[str, Cell]:
        """The cells of its suite, by id."""
        return {cell.id: cell for cell in self.suite.cells} if self.suite else {}

    def cell_of(self, name: str) -> Cell | None:
        """The cell that a file is of, by its path."""
        parts = Path(name).parts
        stem = parts[-2] if parts[0] in ("journal", "cassettes") else parts[-1]
        return self.cells.get(stem.removesuffix(".parquet").removesuffix(".jsonl"))

    def bytes(self, name: str) -> bytes:
        """What stands in a file of it."""
        return read_bytes(self.folder / name)

    @property
    def recorded(self) -> list[str]:
        """The files that hold what was measured or answered."""
        parts = ("results", "journal", "cassettes")
        return [name for name in self.names if name.partition("/")[0] in parts]


class _Reader:
    """Reads files, and keeps what is wrong with those that it cannot read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.unread = folder, dict[str, str]()

    def one(self, name: str, read: Callable[[Path], Read]) -> Read | None:
        """What a file holds, or None where it cannot be read."""
        try:
            return read(self.folder / name)
        except HaqaError as error:
            told = str(error).removeprefix(f"{self.folder}/")
            self.unread[name] = told.replace(f"{self.folder}/", "")
            return None

    def all(self, names: Sequence[str], read: Callable[[Path], Read]) -> dict[str, Read]:
        """What each of some files holds, where it can be read."""
        found = {name: self.one(name, read) for name in names}
        return {name: value for name, value in found.items() if value is not None}


@contextmanager
def opened(path: Path) -> Iterator[Pack]:
    """The pack in a folder or an archive.

    Raises:
        HaqaError: it is none, or holds what no pack may hold.
    """
    with archive.opened(path) as folder:
        if not (folder / manifest.NAME).is_file() or not (folder / card.NAME).is_file():
            what = f"is no pack: it has no {manifest.NAME} or no {card.NAME}"
            raise HaqaError(path, what, archive.TODO)
        yield _read(folder)


def _read(folder: Path) -> Pack:
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    reader = _Reader(folder)
    profiles = reader.all(_in(names, "hardware/", ".yaml"), lambda p: read_yaml(p, Hardware))
    return Pack(
        folder=folder,
        names=names,
        card=reader.one(card.NAME, lambda path: read_json(path, Card, archive.TODO)),
        suite=reader.one(card.SUITE, lambda path: read_json(path, Suite, archive.TODO)),
        form=reader.one(form.NAME, form.read),
        hardware=next(iter(profiles.values()), None),
        tables=reader.all(_in(names, "results/tables/", ".parquet"), _table),
        confirmed=reader.all(_in(names, "results/confirmed/", ".jsonl"), confirmed.read),
        studies=reader.all(_in(names, "journal/", ".jsonl"), _study),
        cassettes=reader.all(_in(names, "cassettes/", ".jsonl"), cassette.read),
        unread=reader.unread,
    )


def _in(names: Sequence[str], area: str, suffix: str) -> list[str]:
    return [name for name in names if name.startswith(area) and name.endswith(suffix)]


def _table(path: Path) -> ResponseTable:
    check_table(path)
    return tables.read(path)


def _study(path: Path) -> Study:
    lines = read_lines(path)
    if not lines or lines[0].get("kind") != "study":
        raise HaqaError(path, "not a study's journal", archive.TODO)
    return Study(lines[0], database.trials(path, lines))
