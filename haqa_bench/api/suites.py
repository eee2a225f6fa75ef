"""Suites and their cells, by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from haqa_bench import registry, suite
from haqa_bench.api.cell import Cell
from haqa_bench.documents import read_bytes
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, find_suite, project_above


@dataclass(frozen=True, eq=False, repr=False)
class Suite:
    """A suite whose matrices are expanded, and whose profiles and texts are read.

    `resolved` is all of it, as a run's lock holds it; `project` says where its recordings lie.
    """

    resolved: suite.Suite
    project: Project

    @property
    def name(self) -> str:
        """What it is called; a part of the paths of its recordings."""
        return self.resolved.name

    @property
    def title(self) -> str:
        """What it is about, in words; empty where its file does not say."""
        return self.resolved.title

    @property
    def cells(self) -> list[Cell]:
        """Its cells, in the order of the file."""
        return [Cell(one, self.resolved, self.project) for one in self.resolved.cells]

    @property
    def methods(self) -> list[str]:
        """The names of its methods, in the order of the file."""
        return [method.name for method in self.resolved.methods]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of methods that have none of their own."""
        return self.resolved.seeds

    def __repr__(self) -> str:
        return f"<Suite {self.name}: {len(self.cells)} cells, {len(self.methods)} methods>"


def load_suite(name: str | Path, project: str | Path | None = None) -> Suite:
    """The suite of that name in suites/ of the project, or in the file at that path.

    `project` is the folder of prompts/, hardware/ and results/; found above the suite, or else
    above the current folder, where it is left out.

    Raises:
        HaqaError: there is none, names the nearest; or the file, a profile or a text is wrong.
    """
    given = None if project is None else Path(project)
    path = find_suite(Path(name), given)
    read_bytes(path)
    place = project_above(path, given)
    found = suite.load(path, place.folder)
    registry.check(found.methods)
    return Suite(found, place)


def cells(
    suite: str | Path | Suite, pattern: str = "*", project: str | Path | None = None
) -> list[Cell]:
    """The cells of a suite whose ids a pattern matches, in which * and ? stand for any text and any
    character; all of them where it is left out.

    Raises:
        HaqaError: no cell matches, lists what there is; or as `load_suite`.
    """
    every = (suite if isinstance(suite, Suite) else load_suite(suite, project)).cells
    found = [one for one in every if fnmatch(one.id, pattern)]
    if not found:
        raise HaqaError("cells", f"'{pattern}' matches nothing", f"Known: {_ids(every)}")
    return found


def cell(suite: str | Path | Suite, pattern: str = "*", project: str | Path | None = None) -> Cell:
    """The one cell of a suite whose id a pattern matches; an id matches itself alone.

    Raises:
        HaqaError: no cell matches, or several do, lists them; or as `load_suite`.
    """
    found = cells(suite, pattern, project)
    if len(found) > 1:
        what = f"'{pattern}' matches {len(found)} cells"
        raise HaqaError("cell", what, f"Write more of the id of one: {_ids(found)}")
    return found[0]


def _ids(found: Sequence[Cell]) -> str:
    return ", ".join(one.id for one in found)
