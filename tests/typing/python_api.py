"""What type checkers see of `import haqa_bench as hb`. Read by `make types`, never run.

Each line that is wrong on purpose says so: mypy fails where an ignore is not needed any more.
"""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import assert_type

import pandas as pd

import haqa_bench as hb
from haqa_bench.protocols import Optimizer
from haqa_bench.space import Scalar, SearchSpace


class Climber(hb.AskTell):
    """A method as docs/python.md has it, typed."""

    settings: Mapping[str, Scalar] = {"rate": 0.4}

    def start(self, study: hb.Study) -> None:
        self.space, self.random = study.cell.space, random.Random(study.seed)

    def suggest(self) -> hb.Configuration:
        return self.space.sample(self.random)

    def observe(
        self, configuration: hb.Configuration, score: float | None, trial: hb.Trial
    ) -> None:
        assert_type(trial.number, int)


class Plain:
    """An optimizer without the base."""

    settings: Mapping[str, Scalar] = {}
    start_up = 0

    def __init__(self, study: hb.Study, radius: int = 1) -> None:
        self.space = study.cell.space

    def ask(self, history: Sequence[hb.Trial]) -> hb.Proposal | None:
        return hb.Proposal(self.space.default)


def of_history(history: Sequence[hb.Trial]) -> hb.Configuration | None:
    return history[0].configuration


def of_history_and_study(history: Sequence[hb.Trial], study: hb.Study) -> hb.Proposal:
    return hb.Proposal(study.cell.space.default)


def reading(suite: hb.Suite) -> None:
    assert_type(hb.load_suite("llama"), hb.Suite)
    assert_type(suite.methods, list[str])
    assert_type(hb.cells(suite), list[hb.Cell])
    cell = hb.cell(suite, "*int4*core")
    assert_type(cell, hb.Cell)
    assert_type(cell.space, SearchSpace)
    assert_type(cell.table, hb.Table)
    assert_type(cell.table.optimum, float | None)
    assert_type(cell.table.to_frame(samples=True), pd.DataFrame)


def studying(cell: hb.Cell, study: hb.Study) -> None:
    optimizer: Optimizer = Climber(study)
    for given in (optimizer, Plain(study)):
        assert_type(hb.run_study(given, cell), hb.Studied)
    assert_type(hb.run_study("random", cell, 3, name="mine", options={"a": 1}), hb.Studied)
    hb.run_study(Climber, cell)
    hb.run_study(Plain, cell)
    hb.run_study(partial(Plain, radius=2), cell)
    hb.run_study(of_history, cell)
    hb.run_study(of_history_and_study, cell)
    hb.run_study(3, cell)  # type: ignore[arg-type] # proposes nothing
    found = hb.run_study(Climber, cell)
    assert_type(found.best, hb.Trial | None)
    assert_type(found.value, float | None)
    assert_type(list(found), list[hb.Trial])
    assert_type(hb.optimize(cell, Climber, seeds=[1, 2]), pd.DataFrame)


def comparing(run: hb.Run, found: hb.Studied, frame: pd.DataFrame) -> None:
    assert_type(hb.open_run("llama"), hb.Run)
    assert_type(run.trials(), pd.DataFrame)
    assert_type(hb.compare(run, found, frame, "llama", against="default"), pd.DataFrame)
    hb.compare(against=3)  # type: ignore[arg-type] # a method is called by its name


def failing() -> str:
    try:
        hb.cell("llama", "*")
    except hb.HaqaError as error:
        return error.what
    hb.cels("llama")  # type: ignore[attr-defined] # no such name
    return ""
