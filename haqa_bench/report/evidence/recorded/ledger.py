"""All that was recorded of a run, read once: its studies, their trials, what each measured."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from haqa_bench.cell import Cell
from haqa_bench.project import Project, Run, confirmed_in
from haqa_bench.report.evidence.recorded import confirmed
from haqa_bench.report.evidence.recorded.confirmed import Confirmed
from haqa_bench.report.evidence.tree import Part
from haqa_bench.report.found.fronts import Front, fronts
from haqa_bench.space import key_of
from haqa_bench.store import tables

Tree = TypeVar("Tree", bound=Part | None)


class Study(NamedTuple):
    """A study of a run. `optimum` is the best value of the whole response table, where there is
    one; `settings` in JSON.
    """

    id: str
    cell: str
    method: str
    optimizer: str
    seed: int
    answered_by: str
    machine: str
    metric: str
    unit: str
    direction: str
    settings: str
    optimum: float | None


class Tried(NamedTuple):
    """A trial of a study, as the run's database holds it; `score` is its value, and
    `scores` are those of all goals, larger is better.
    """

    study: str
    number: int
    status: str
    reason: str
    repeat_of: int | None
    configuration: str
    thought: str
    facts: str
    score: float | None
    scores: Sequence[float] | None
    feasible: bool
    rank: int | None
    seconds: float | None
    llm_seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    dollars: float | None


class Measured(NamedTuple):
    """What a trial measured of one thing: all samples in the order taken, and what was estimated
    from them.
    """

    study: str
    number: int
    name: str
    value: float
    unit: str
    source: str
    samples: Sequence[float]


class Ledger:
    """A run and its project, and what was read of them, each once."""

    def __init__(self, run: Run, project: Project) -> None:
        self.run, self.project = run, project
        self._tables: dict[str, tables.ResponseTable | None] = {}
        self._confirmed: dict[str, Confirmed] = {}
        self._journals: dict[str, str] = {}
        self._made: dict[tuple[str, ...], Any] = {}
        self.pooled: dict[str, Mapping[str, tuple[Part, ...]]] = {}
        """By cell, what each configuration of its table scored in every goal."""

    def once(self, name: tuple[str, ...], make: Callable[[], Tree]) -> Tree:
        """A tree that stands behind many numbers, made when it is first asked for."""
        if name not in self._made:
            self._made[name] = make()
        found: Tree = self._made[name]
        return found

    @cached_property
    def studies(self) -> Mapping[tuple[str, str], Sequence[Study]]:
        """The studies, by cell and method."""
        found: dict[tuple[str, str], list[Study]] = defaultdict(list)
        for study in self.run.rows("studies", Study):
            found[study.cell, study.method].append(study)
        return found

    @cached_property
    def trials(self) -> Mapping[str, Sequence[Tried]]:
        """The trials of each study, by its id."""
        found: dict[str, list[Tried]] = defaultdict(list)
        for trial in self.run.rows("trials", Tried):
            found[trial.study].append(trial)
        return found

    @cached_property
    def measured(self) -> Mapping[tuple[str, int], Mapping[str, Measured]]:
        """What each trial measured: by study and number, and then by name."""
        found: dict[tuple[str, int], dict[str, Measured]] = defaultdict(dict)
        for one in self.run.rows("measured", Measured):
            found[one.study, one.number][one.name] = one
        return found

    @cached_property
    def fronts(self) -> Mapping[str, Front]:
        """The front of each cell that has several goals."""
        return {scored.cell: scored.front for scored in fronts(self.run, self.project)}

    def of_cell(self, cell: str) -> list[Study]:
        """The studies of a cell."""
        return [s for (of, _), studies in self.studies.items() if of == cell for s in studies]

    def table(self, cell: Cell) -> tables.ResponseTable | None:
        """The response table of a cell; None where there is none."""
        if cell.id not in self._tables:
            path = self.project.table(cell)
            self._tables[cell.id] = tables.read(path) if path.is_file() else None
        return self._tables[cell.id]

    def confirmed(self, cell: str) -> Confirmed:
        """The pairs or tests of a cell's winners."""
        if cell not in self._confirmed:
            path = confirmed_in(self.run.folder, self.run.cells[cell])
            self._confirmed[cell] = confirmed.read(path, self.run.said(path))
        return self._confirmed[cell]

    def where(self, study: str, number: int) -> str:
        """Where a trial stands: the line of its journal."""
        if study not in self._journals:
            self._journals[study] = self.run.said(self.run.journal(self.run.studies[study]))
        return f"{self._journals[study]}:{number + 2}"


def key(configuration: str) -> str:
    """A configuration in JSON as tables and pairs name it."""
    return key_of(json.loads(configuration))
