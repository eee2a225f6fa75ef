"""The roofline model against what was measured: how far off it is on devices that are here, and
whether it ranks formats alike.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scipy import stats

from haqa_bench.arithmetic.token_roofline import Roofline, counted, token
from haqa_bench.cell import Cell
from haqa_bench.store import database

METRIC = "generation_tokens_per_s"
FEWEST = 4
"""Formats below which nothing is said of ranks."""


class Compared(NamedTuple):
    """The formats of a cell that were measured: tokens/s as measured, as simulated, and so if
    reading and computing take turns.
    """

    cell: str
    measured: Mapping[str, float]
    simulated: Mapping[str, float]
    apart: Mapping[str, float]

    def words(self) -> str:
        """One sentence."""
        both = "; if reading and computing take turns: ".join(
            self._agreement(found) for found in (self.simulated, self.apart)
        )
        return f"The roofline on {self.cell}, {len(self.measured)} formats, simulated against measured: {both}."

    def _agreement(self, simulated: Mapping[str, float]) -> str:
        errors = {name: simulated[name] / value - 1 for name, value in self.measured.items()}
        worst = max(errors, key=lambda name: abs(errors[name]))
        return (
            f"rank correlation {rank_correlation(simulated, self.measured):.2f}, "
            f"median error {100 * median(map(abs, errors.values())):.0f} %, largest {100 * errors[worst]:+.0f} % ({worst})"
        )


def rank_correlation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Spearman's, of both over the names of either."""
    names = list(one)
    return float(stats.spearmanr([one[n] for n in names], [other[n] for n in names]).statistic)


def compared(folder: Path, cells: Mapping[str, Cell]) -> list[Compared]:
    """Each measured cell of the run in `folder` whose device has measured costs of weights; of a
    format, its fastest setting counts.
    """
    sql = files("haqa_bench.report").joinpath("trials.sql").read_text()
    found: dict[str, dict[str, tuple[float, Roofline]]] = {}
    for name, configuration, facts, value in database.query(folder, sql):
        cell, kind, read = cells[name], json.loads(configuration)["format"], json.loads(facts)
        if (
            cell.simulated
            or not cell.hardware.weight_cost
            or "multiplied" not in read
            or cell.objective.metric != METRIC
        ):
            continue
        roof = token(counted(read["multiplied"]), int(read["layers"]), cell.hardware)
        of_cell = found.setdefault(name, {})
        if roof is not None and (kind not in of_cell or value > of_cell[kind][0]):
            of_cell[kind] = (value, roof)
    return [_compared(name, of_cell) for name, of_cell in found.items() if len(of_cell) >= FEWEST]


def _compared(cell: str, found: Mapping[str, tuple[float, Roofline]]) -> Compared:
    return Compared(
        cell,
        {name: value for name, (value, _) in found.items()},
        {name: roof.tokens_per_s for name, (_, roof) in found.items()},
        {name: 1 / roof.apart for name, (_, roof) in found.items()},
    )
