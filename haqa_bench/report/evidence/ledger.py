"""All that was recorded of a run, read once: its studies, their trials, what each measured."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.project import Project, Run, confirmed_in
from haqa_bench.report.evidence.tree import Part
from haqa_bench.report.found.fronts import Front, fronts
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.journal import read_lines


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


class Sample(NamedTuple):
    """A side of a pair: what was estimated of it, from which samples."""

    value: float
    samples: Sequence[float]


class Pair(NamedTuple):
    """A configuration beside the default, in one sitting, of which others took a share of the
    machine; `where` is the file and the line.
    """

    configuration: str
    number: int
    tuned: Sample
    default: Sample
    others: float
    date: str
    where: str


class Tested(NamedTuple):
    """A configuration trained anew with a seed, and tested: its metrics, and of some whether each
    item was right, as 0 and 1.
    """

    configuration: str
    seed: int
    values: Mapping[str, float]
    items: Mapping[str, str]
    date: str
    where: str


class Ledger:
    """A run and its project, and what was read of them, each once."""

    def __init__(self, run: Run, project: Project) -> None:
        self.run, self.project = run, project
        self._tables: dict[str, tables.ResponseTable | None] = {}
        self._confirmed: dict[str, Sequence[JsonObject]] = {}
        self._made: dict[tuple[str, ...], Part | None] = {}
        self.pooled: dict[str, Mapping[str, tuple[Part, ...]]] = {}
        """By cell, what each configuration of its table scored in every goal."""

    def once(self, name: tuple[str, ...], make: Callable[[], Part | None]) -> Part | None:
        """A tree that stands behind many numbers, made when it is first asked for."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

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

    def pairs(self, cell: str) -> list[Pair]:
        """The pairs of a cell that did not fail, in the order in which they are recorded."""
        return [_pair(line, at) for at, line in self._lines(cell) if line["kind"] == "pair"]

    def tests(self, cell: str) -> list[Tested]:
        """The tests of a cell that did not fail."""
        return [_tested(line, at) for at, line in self._lines(cell) if line["kind"] == "test"]

    def card(self, cell: str) -> JsonObject:
        """On what a cell's pairs or tests were taken; empty where there are none."""
        self._lines(cell)
        return self._confirmed[cell][0]

    def _lines(self, cell: str) -> list[tuple[str, JsonObject]]:
        """The lines of a cell's pairs or tests that did not fail, with where they stand."""
        path = confirmed_in(self.run.folder, self.run.cells[cell])
        if cell not in self._confirmed:
            self._confirmed[cell] = read_lines(path) if path.is_file() else [{}]
        lines = enumerate(self._confirmed[cell][1:], 2)
        return [(f"{self.run.said(path)}:{n}", line) for n, line in lines if not line["failed"]]

    def where(self, study: str, number: int) -> str:
        """Where a trial stands: the line of its journal."""
        path = self.run.journal(self.run.studies[study])
        return f"{self.run.said(path)}:{number + 2}"


def key(configuration: str) -> str:
    """A configuration in JSON as tables and pairs name it."""
    return key_of(json.loads(configuration))


def _pair(line: JsonObject, where: str) -> Pair:
    tuned, default = (Sample(line[side], line[f"{side}_samples"]) for side in ("tuned", "default"))
    about = line["configuration"], line["pair"]
    return Pair(*about, tuned, default, line["others"], line["date"], where)


def _tested(line: JsonObject, where: str) -> Tested:
    values = {name: value for name, (value, _) in line["values"].items()}
    items = {name: line["facts"][name] for name in values if name in line["facts"]}
    return Tested(line["configuration"], line["seed"], values, items, line["date"], where)
