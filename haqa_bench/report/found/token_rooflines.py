"""The roofline model against what was measured: how far off it is on devices that are here, and
whether it ranks formats alike.
"""

import json
from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from haqa_bench.arithmetic.token_roofline import Roofline, token
from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report.found.format_choices import Fact, facts
from haqa_bench.store import facts as meaning

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
        return (
            f"The roofline on {self.cell}, {len(self.measured)} formats, simulated against "
            f"measured: {both}."
        )

    def _agreement(self, simulated: Mapping[str, float]) -> str:
        errors = {name: simulated[name] / value - 1 for name, value in self.measured.items()}
        worst = max(errors, key=lambda name: abs(errors[name]))
        return (
            f"rank correlation {rank_correlation(simulated, self.measured):.2f}, "
            f"median error {100 * median(map(abs, errors.values())):.0f} %, largest "
            f"{100 * errors[worst]:+.0f} % ({worst})"
        )


def rank_correlation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Spearman's, of both over the names of either."""
    from scipy import stats

    names = list(one)
    return float(stats.spearmanr([one[n] for n in names], [other[n] for n in names]).statistic)


def compared(run: Run) -> list[Compared]:
    """Each measured cell of a run whose device has measured costs of weights; of a format, its
    fastest setting counts.
    """
    found: dict[str, dict[str, tuple[float, Roofline]]] = {}
    for fact in facts(run):
        kind, roof = json.loads(fact.configuration)["format"], _roof(run.cells[fact.cell], fact)
        of_cell = found.setdefault(fact.cell, {})
        if roof is not None and (kind not in of_cell or fact.value > of_cell[kind][0]):
            of_cell[kind] = (fact.value, roof)
    return [_compared(name, of_cell) for name, of_cell in found.items() if len(of_cell) >= FEWEST]


def _roof(cell: Cell, fact: Fact) -> Roofline | None:
    """The roofline of what one token multiplies; None where that, or the device, is not known."""
    told = meaning.parse(json.loads(fact.facts))
    here = not cell.simulated and cell.hardware.weight_cost
    if not here or told.layers is None or cell.objective.metric != METRIC:
        return None
    return token(told.multiplied, told.layers, cell.hardware)


def _compared(cell: str, found: Mapping[str, tuple[float, Roofline]]) -> Compared:
    return Compared(
        cell,
        {name: value for name, (value, _) in found.items()},
        {name: roof.tokens_per_s for name, (_, roof) in found.items()},
        {name: 1 / roof.apart for name, (_, roof) in found.items()},
    )
