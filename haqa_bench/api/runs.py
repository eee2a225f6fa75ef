"""What a run left, as data frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from haqa_bench.api.cell import Cell
from haqa_bench.api.trials import Done, frame
from haqa_bench.project import Project, find_run, project_above, suite_of
from haqa_bench.run.header import fixed
from haqa_bench.store import database, failures, journal
from haqa_bench.suite import Suite

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A run's folder: its suite as it was run, and what its studies left."""

    folder: Path
    suite: Suite
    """As the run's lock holds it; later changes of the suite's file are not in it."""
    project: Project

    @property
    def name(self) -> str:
        """Its suite's name and its folder's."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def cells(self) -> list[Cell]:
        """The cells of its suite, as they were run."""
        return [Cell(one, self.suite, self.project) for one in self.suite.cells]

    def trials(self) -> "pd.DataFrame":
        """One row a trial, without studies that failed; its columns are those of `optimize`.

        Raises:
            HaqaError: a journal is damaged, or of another study; names file and line.
        """
        return frame(list(_done(self)))

    def __repr__(self) -> str:
        return f"<Run {self.name}: {len(self.suite.cells)} cells>"


def open_run(name: str | Path, project: str | Path | None = None) -> Run:
    """The run in a folder; or the latest of the suite of that name; or the one whose folder's name
    begins so.

    Raises:
        HaqaError: there is none, names the nearest; or several; or it is of another version.
    """
    given = None if project is None else Path(project)
    folder = find_run(str(name), given)
    return Run(folder, suite_of(folder), project_above(folder, given))


def _done(run: Run) -> Iterator[Done]:
    """The studies of a run that did not fail, and their trials."""
    expected, failed = fixed(run.suite), failures.read(run.folder)
    for study in run.suite.studies():
        name = f"{study.cell.id}/{study.file.name}"
        path = run.folder / "journal" / name
        if path.is_file() and study.id not in failed:
            lines = journal.read_lines(path)
            database.check_head(path, lines, expected[name])
            found = database.trials(path, lines)
            yield Done(study, found, lines[0]["optimum"], lines[0]["answered_by"])
