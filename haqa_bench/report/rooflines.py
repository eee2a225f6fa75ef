"""The roofline model against what was measured: how far off it is on devices that are here, and whether it ranks formats alike."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scipy import stats

from haqa_bench.roofline import counted, token
from haqa_bench.store import database
from haqa_bench.suite import Cell

FEWEST = 4
"""Formats below which nothing is said of ranks."""


class Compared(NamedTuple):
    """Of a cell, the formats that were measured: tokens/s as simulated and as measured."""

    cell: str
    simulated: Mapping[str, float]
    measured: Mapping[str, float]

    @property
    def errors(self) -> Mapping[str, float]:
        """How far the simulation is above what was measured, as a share of it."""
        return {name: self.simulated[name] / value - 1 for name, value in self.measured.items()}

    @property
    def rank_correlation(self) -> float:
        """Spearman's, of both over the formats."""
        names = list(self.measured)
        return float(stats.spearmanr([self.simulated[n] for n in names], [self.measured[n] for n in names]).statistic)

    def words(self) -> str:
        """One sentence."""
        worst = max(self.errors, key=lambda name: abs(self.errors[name]))
        return (
            f"The roofline on {self.cell}, over {len(self.measured)} formats (simulated against measured): rank correlation "
            f"{self.rank_correlation:.2f}, median error {100 * median(map(abs, self.errors.values())):.0f} %, largest "
            f"{100 * self.errors[worst]:+.0f} % ({worst})."
        )


def compared(folder: Path, cells: Mapping[str, Cell]) -> list[Compared]:
    """Each measured cell of the run in `folder` whose device has measured costs of weights; of a format, its fastest setting counts."""
    sql = files("haqa_bench.report").joinpath("trials.sql").read_text()
    measured: dict[str, dict[str, float]] = {}
    simulated: dict[str, dict[str, float]] = {}
    for name, configuration, facts, value in database.query(folder, sql):
        cell, kind, read = cells[name], json.loads(configuration)["format"], json.loads(facts)
        if (
            cell.simulated
            or not cell.hardware.weight_cost
            or "multiplied" not in read
            or cell.objective.metric != "generation_tokens_per_s"
        ):
            continue
        found = token(counted(read["multiplied"]), int(read["layers"]), cell.hardware)
        if found is not None:
            simulated.setdefault(name, {})[kind] = found.tokens_per_s
            measured.setdefault(name, {})[kind] = max(value, measured.get(name, {}).get(kind, 0.0))
    return [Compared(name, simulated[name], of_cell) for name, of_cell in measured.items() if len(of_cell) >= FEWEST]
