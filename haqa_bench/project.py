"""A project, which says where everything lies, and a run: one lock and one open database.

A *project* is a folder of prompts/, hardware/, suites/, cassettes/ and results/. What it lacks is
read in what the package brings (haqa_bench.shipped), where nothing is written. A *run* is a folder
that `haqa-bench run` wrote: a lock, journals, and the database made of them.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from haqa_bench import disk, shipped, tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import check_name, read_json, read_text
from haqa_bench.errors import HaqaError, PluginFailed, nearest
from haqa_bench.store import database
from haqa_bench.store.database import LOCK
from haqa_bench.store.recorded import place
from haqa_bench.study import Study
from haqa_bench.suite import Suite

if TYPE_CHECKING:
    import duckdb

RUNS = "HAQA_BENCH_RUNS"
"""The environment variable that says where runs go, in place of results/runs/ of the project."""
Row = TypeVar("Row", bound=tuple[Any, ...])
NAME_LINE = re.compile(r"""^name:[ \t]+(["']?)([\w.-]+)\1[ \t\r]*(?:#.*)?$""", re.MULTILINE)
"""Where a suite's file says its name: the rest of the file takes much longer to read."""


class Project(NamedTuple):
    """Where everything lies that a project reads: in its folder, or, where it is not there, in what
    the package brings. What it writes lies where `own` says.
    """

    folder: Path
    alone: bool = False
    """Whether only its own folder counts."""

    @property
    def own(self) -> "Project":
        """Where everything lies that it writes: in its own folder."""
        return Project(self.folder, alone=True)

    @property
    def prompts(self) -> Path:
        """The folder of the templates that it has itself; agents read the others in the package."""
        return self.folder / "prompts"

    @property
    def hardware(self) -> Path:
        """The folder of the profiles that it has itself (see haqa_bench.hardware)."""
        return self.folder / "hardware"

    @property
    def suites(self) -> Mapping[str, Path]:
        """The suites that are called by their names, such as llama or paper/qlora."""
        files = self.files("suites/**/*.yaml")
        return {name[len("suites/") : -len(".yaml")]: path for name, path in files.items()}

    def suites_named(self, name: str) -> list[str]:
        """What the suites are called whose files say `name:` so, as paper/kernels is of
        paper-kernels.
        """
        return [called for called, path in self.suites.items() if _name_in(path) == name]

    def called(self, name: str) -> str:
        """How a command names the suite of that name; SUITE where the project has none, since a
        file elsewhere is whoever called's to name.
        """
        found = self.suites_named(name)
        return name if name in found else next(iter(found), "SUITE")

    @property
    def runs(self) -> Path:
        """Where runs go, one folder a suite."""
        named = os.environ.get(RUNS)
        return check_name(Path(named).resolve()) if named else self.folder / "results" / "runs"

    def table(self, cell: Cell) -> Path:
        """The response table of a cell."""
        return self._found(place(Path(), cell.track, cell.id).as_posix())

    def trials(self, cell: Cell) -> Path:
        """The recorded trials of a cell whose space has a range, and so no table."""
        return self._found(trials_in(Path("results"), cell).as_posix())

    def recording(self, cell: Cell) -> Path:
        """What replays the measurements of a cell: its response table, or its recorded trials."""
        return self.table(cell) if cell.space.finite else self.trials(cell)

    def confirmed(self, cell: Cell) -> Path:
        """The pairs or tests of a cell's winners, taken apart from the tuning."""
        return self._found(confirmed_in(Path("results"), cell).as_posix())

    def proposals(self, suite: str) -> Path:
        """What the computing methods of a suite proposed when its results were recorded."""
        return self._found(f"results/proposals/{suite}.jsonl")

    def cassette(self, study: Study) -> Path:
        """The recorded exchanges of a study."""
        return self._found(f"cassettes/{study.file.as_posix()}")

    def published(self, name: str) -> Path:
        """What the paper published in one of its tables or figures."""
        return self._found(f"paper_tables/{name}.yaml")

    def files(self, pattern: str) -> Mapping[str, Path]:
        """Its files of a pattern, and those that the package brings, by their path from either
        folder, sorted.
        """
        if not self.alone:
            return shipped.files(self.folder, pattern)
        own = sorted(path for path in self.folder.glob(pattern) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in own}

    def said(self, path: Path) -> str:
        """A path as it is printed: relative to the project, or to what the package brings."""
        brought = shipped.folder()
        if brought and not path.is_relative_to(self.folder) and path.is_relative_to(brought):
            return path.relative_to(brought).as_posix()
        return path.relative_to(self.folder).as_posix()

    def _found(self, name: str) -> Path:
        return self.folder / name if self.alone else shipped.found(self.folder, name)


def confirmed_in(folder: Path, cell: Cell) -> Path:
    """Where the pairs or tests of a cell's winners lie in a run's folder, or in results/."""
    return folder / "confirmed" / cell.track / f"{cell.id}.jsonl"


def trials_in(folder: Path, cell: Cell) -> Path:
    """Where the trials of a cell lie that were measured, in a run's folder, or in results/."""
    return folder / "trials" / cell.track / f"{cell.id}.jsonl"


class Run:
    """A run's folder, its suite and its database, open to read."""

    def __init__(self, folder: Path, suite: Suite, connection: "duckdb.DuckDBPyConnection") -> None:
        self.folder, self.suite, self._connection = folder, suite, connection
        self._read: dict[tuple[str, type, str], list[Any]] = {}
        self.faults: dict[str, PluginFailed] = {}
        """What plug-ins' tracks raised when they were asked of it, in words: what is left out."""

    @contextmanager
    def leaving_out(self, cell: Cell, doing: str) -> Iterator[None]:
        """Leaves out what a plug-in's track cannot tell, and keeps why. What ours raise is a
        bug.
        """
        try:
            with tracks.faults(cell.track, "left out", doing):
                yield
        except PluginFailed as fault:
            self.faults[str(fault)] = fault

    @cached_property
    def cells(self) -> Mapping[str, Cell]:
        """The cells of its suite, by id."""
        return {cell.id: cell for cell in self.suite.cells}

    @cached_property
    def studies(self) -> Mapping[str, Study]:
        """The studies of its suite, by id."""
        return {study.id: study for study in self.suite.studies()}

    def journal(self, study: Study) -> Path:
        """The journal of a study."""
        return self.folder / "journal" / study.cell.id / study.file.name

    def said(self, path: Path) -> str:
        """A path as it is printed: relative to the run."""
        return path.relative_to(self.folder).as_posix()

    def rows(self, name: str, kind: type[Row], *values: object) -> list[Row]:
        """What NAME.sql, which lies beside `kind`, finds; `values` stand for its question marks.

        Raises:
            HaqaError: the database cannot be read.
            TypeError: the columns of the query and the fields of `kind` are not the same.
        """
        known = (name, kind, repr(values))
        if known not in self._read:
            self._read[known] = self._query(_sql(name, kind), kind, values)
        return list(self._read[known])

    def _query(self, sql: str, kind: type[Row], values: tuple[object, ...]) -> list[Row]:
        import duckdb

        try:
            found = self._connection.execute(sql, list(values))
            columns = [str(column[0]) for column in found.description or ()]
            lines = found.fetchall()
        except duckdb.Error as error:
            raise database.unreadable(self.folder, error) from None
        fields = [field for field in kind.__annotations__ if not field.startswith("__")]
        if sorted(columns) != sorted(fields):
            raise TypeError(f"{kind.__name__} has {', '.join(fields)}; its query {columns}")
        return [kind(**dict(zip(columns, line, strict=True))) for line in lines]


def suite_of(folder: Path) -> Suite:
    """The suite that was run into `folder`.

    Raises:
        HaqaError: it holds no run, or one of another version.
    """
    path = folder / LOCK
    return read_json(path, Suite, "Is it this version's lock? If not, run the suite again")


def write_lock(folder: Path, suite: Suite) -> None:
    """Makes a folder a run of a suite. What is written is not canonical JSON, which makes 1 of
    1.0.
    """
    disk.write(folder / LOCK, suite.model_dump_json())


@contextmanager
def open_run(folder: Path) -> Iterator[Run]:
    """The run in `folder`, whose database is open meanwhile.

    Raises:
        HaqaError: it holds no run, or one of another version; or has no database that can be read.
    """
    suite = suite_of(folder)
    with database.connected(folder) as connection:
        yield Run(folder, suite, connection)


def _sql(name: str, kind: type) -> str:
    """The query that lies beside a type."""
    return files(kind.__module__.rpartition(".")[0]).joinpath(f"{name}.sql").read_text("utf-8")


def project_above(place: Path, given: Path | None = None) -> Project:
    """The project that was given; or the nearest at or above a place, or else above the current
    folder: a folder that holds prompts/ and hardware/; or else the current folder itself.

    A suite that the package brings belongs to no folder: whoever calls it is where its runs go.

    Raises:
        HaqaError: the folder that was given is none, or belongs to the installed package.
    """
    if given is not None:
        return Project(_own(_folder(given)))
    here = Path.cwd()
    starts = (here,) if _is_brought(place.resolve()) else (place.resolve(), here)
    above = (folder for start in starts for folder in (start, *start.parents))
    found = (folder for folder in above if shipped.is_project(folder))
    return Project(_own(next(found, here)))


def _own(folder: Path) -> Path:
    if folder.is_relative_to(shipped.PACKAGED):
        what = "belongs to the installed haqa-bench, where nothing is written"
        raise HaqaError(folder, what, "Work in a folder of your own")
    return check_name(folder)


def _folder(given: Path) -> Path:
    if not given.is_dir():
        raise HaqaError(given, "no such folder", "Say with --project where the project is")
    return given.resolve()


def _is_brought(place: Path) -> bool:
    """Whether a place is among the suites that the package brings, or in an installed package."""
    brought = shipped.folder()
    suites = brought is not None and place.is_relative_to(brought / "suites")
    return suites or place.is_relative_to(shipped.PACKAGED)


def run_folders(project: Project) -> list[Path]:
    """Every run of a project, the latest first."""
    locks = project.runs.glob(f"*/*/{LOCK}")
    found = sorted((-since, lock) for lock in locks if (since := _begun(lock)))
    return [lock.parent for _, lock in found]


def _begun(lock: Path) -> float:
    """When a run was last begun; 0 of one that was removed since it was listed."""
    try:
        return lock.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def find_run(word: str, given: Path | None = None) -> Path:
    """The folder of a run: a path; the name of a suite, for its latest run; or how the name of one
    run's folder begins, with or without its suite's name before it. `given` is the project.

    Raises:
        HaqaError: there is none (names the nearest), or several.
    """
    if any((Path(word) / part).exists() for part in (LOCK, database.NAME, "journal")):
        return Path(word)
    known = run_folders(project_above(Path.cwd(), given))
    if of_suite := [folder for folder in known if folder.parent.name == word]:
        return of_suite[0]
    found = [f for f in known if f.name.startswith(word) or _long_name(f).startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(map(_long_name, found))
        raise HaqaError(word, f"{len(found)} runs begin so", f"Known: {names}")
    every = list(dict.fromkeys([*(f.parent.name for f in known), *map(_long_name, known)]))
    raise HaqaError(word, "no run of that name, nor a run's folder", _run_nearest(word, every))


def _run_nearest(word: str, every: Sequence[str]) -> str:
    return nearest(word, every) if every else "There is none yet: haqa-bench run SUITE"


def find_suite(word: Path, given: Path | None = None) -> Path:
    """The file of a suite: a path; a name in suites/ of the project or of the package; or the
    name that one of these says of itself, which a run has.

    Raises:
        HaqaError: there is none (names the nearest), or several.
    """
    if word.is_file():
        return word
    project = project_above(word.parent, given)
    known, called = project.suites, word.as_posix()
    if path := known.get(called):
        return path
    found = project.suites_named(called)
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise HaqaError(word, f"{len(found)} suites say this name", f"Known: {', '.join(found)}")
    raise HaqaError(word, "no such file, nor a suite of the project", nearest(word.stem, [*known]))


def _name_in(path: Path) -> str:
    """The name that a suite's file says; empty where none can be read."""
    with suppress(HaqaError):
        if said := NAME_LINE.search(read_text(path)):
            return said[2]
    return ""


def _long_name(folder: Path) -> str:
    """A run's name with its suite's before it."""
    return f"{folder.parent.name}/{folder.name}"
