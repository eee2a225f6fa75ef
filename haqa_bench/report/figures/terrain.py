"""A cell whose whole space was measured, seen along two of its parameters.

They are those with the largest main effect, which is the variance of a parameter's marginal means,
over the feasible configurations.
"""

import json
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.cell import Cell
from haqa_bench.project import Project
from haqa_bench.report import traits
from haqa_bench.space import Configuration, Scalar
from haqa_bench.store import keys, tables
from haqa_bench.tracks.replayed import TableEvaluator

Floats = NDArray[np.float64]


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
    ranks = TableEvaluator(table, cell).ranks
    at = np.flatnonzero(ranks)
    if not len(at):
        return None
    values = table.entries.metric(cell.objective.metric)[at]
    codes = keys.codes_of(cell.space, table.entries.column.take(at))
    ranked = sorted(effects(values, codes, cell).items(), key=lambda item: -item[1])
    if len(ranked) < 2:
        return None
    across, up = sorted(
        (name for name, _ in ranked[:2]), key=lambda name: cell.space.root[name].size
    )
    held = keys.codes_of(cell.space, table.entries.column.take(tables.places(table, cell.space)))
    best, known = _seen(values, codes, held, cell, (up, across))
    optimum = json.loads(table.entries.key(int(at[ranks[at].argmin()])))
    used = table.entries.used(cell.objective.metric)[at]
    return Landscape(
        across, up, best, known, optimum, len(values), (int(used.min()), int(used.max()))
    )


def effects(values: Floats, codes: keys.Codes, cell: Cell) -> dict[str, float]:
    """The main effect of each parameter with a choice: the variance of the means over all values
    with each of its choices. `codes` says where the choices of each value stand.
    """
    found = {}
    for column, (name, parameter) in zip(codes.T, cell.space.listable.items(), strict=True):
        groups = [values[column == code] for code in range(len(parameter.choices))]
        if len(parameter.choices) > 1:
            found[name] = float(np.var([np.mean(group) for group in groups if len(group)]))
    return found


def place(cell: Cell, configuration: Configuration, name: str) -> int:
    """Which of a parameter's choices a configuration has."""
    return next(
        i
        for i, choice in enumerate(cell.space.listable[name].choices)
        if _same(choice, configuration[name])
    )


def _seen(
    values: Floats, codes: keys.Codes, held: keys.Codes, cell: Cell, seen: tuple[str, str]
) -> tuple[Floats, NDArray[np.bool_]]:
    """The best value at each pair of choices of two parameters, and where there is any
    configuration.
    """
    better = np.fmax if cell.objective.direction == "maximize" else np.fmin
    columns = [list(cell.space.root).index(name) for name in seen]
    best = np.full([cell.space.root[name].size for name in seen], np.nan)
    known = np.zeros(best.shape, dtype=bool)
    known[held[:, columns[0]], held[:, columns[1]]] = True
    better.at(best, (codes[:, columns[0]], codes[:, columns[1]]), values)
    return best, known


def _same(one: Scalar, other: Scalar) -> bool:
    return type(one) is type(other) and one == other
