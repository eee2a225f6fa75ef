"""A cell whose whole space was measured, seen along two of its parameters.

They are those with the largest main effect, which is the variance of a parameter's marginal means,
over the feasible configurations.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.cell import Cell
from haqa_bench.project import Project
from haqa_bench.report import traits
from haqa_bench.space import Configuration, Scalar, key_of
from haqa_bench.store import tables
from haqa_bench.tracks.replayed import TableEvaluator


class Landscape(NamedTuple):
    """`best` has a row for each choice of `up` and a column for each of `across`: what the others
    can make of it, NaN where all fail.

    `known` says where there is any configuration, `optimum` is the best of all; a value stands on
    `used` samples, from and to.
    """

    across: str
    up: str
    best: NDArray[np.float64]
    known: NDArray[np.bool_]
    optimum: Configuration
    feasible: int
    used: tuple[int, int]


def landscape(project: Project, cell: Cell) -> Landscape | None:
    """The landscape of a cell; None without a response table, with fewer than two parameters, or
    where nothing is feasible.

    Raises:
        HaqaError: the response table is damaged, or another cell's.
    """
    path = project.table(cell)
    if (
        not traits.walked(cell) or not path.is_file()
    ):  # decisions under limits are no space to walk through
        return None
    table = tables.read(path)
    tables.check(table, cell)
    outcomes = {
        key: outcome
        for key, outcome in TableEvaluator(table, cell).outcomes.items()
        if outcome.rank is not None
    }
    measured = {
        key: next(m for m in o.measurements if m.name == cell.objective.metric)
        for key, o in outcomes.items()
    }
    values = {key: m.value for key, m in measured.items()}
    ranked = sorted(effects(values, cell).items(), key=lambda item: -item[1])
    if len(ranked) < 2 or not values:
        return None
    across, up = sorted(
        (name for name, _ in ranked[:2]), key=lambda name: len(cell.space.root[name].choices)
    )
    held = tables.configurations(table, cell.space)
    best, known = _seen(values, cell, held, across, up)
    pick = max if cell.objective.direction == "maximize" else min
    used = [m.used for m in measured.values()]
    optimum = json.loads(pick(values, key=lambda key: values[key]))
    return Landscape(across, up, best, known, optimum, len(values), (min(used), max(used)))


def effects(values: Mapping[str, float], cell: Cell) -> dict[str, float]:
    """The main effect of each parameter with a choice: the variance of the means over all values
    with each of its choices.
    """
    configurations = [(json.loads(key), value) for key, value in values.items()]
    found = {}
    for name, parameter in cell.space.root.items():
        groups = [
            [v for c, v in configurations if _same(c[name], choice)] for choice in parameter.choices
        ]
        if len(parameter.choices) > 1:
            found[name] = float(np.var([np.mean(group) for group in groups if group]))
    return found


def place(cell: Cell, configuration: Configuration, name: str) -> int:
    """Which of a parameter's choices a configuration has."""
    return next(
        i
        for i, choice in enumerate(cell.space.root[name].choices)
        if _same(choice, configuration[name])
    )


def _seen(
    values: Mapping[str, float],
    cell: Cell,
    held: Iterable[Configuration],
    across: str,
    up: str,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    better = np.fmax if cell.objective.direction == "maximize" else np.fmin
    best = np.full((len(cell.space.root[up].choices), len(cell.space.root[across].choices)), np.nan)
    known = np.zeros(best.shape, dtype=bool)
    for configuration in held:
        at = place(cell, configuration, up), place(cell, configuration, across)
        known[at] = True
        best[at] = better(best[at], values.get(key_of(configuration), np.nan))
    return best, known


def _same(one: Scalar, other: Scalar) -> bool:
    return type(one) is type(other) and one == other
