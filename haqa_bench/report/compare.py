"""Methods against each other at equal budgets: medians with intervals, probability of improvement,
paired tests, ranks.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from haqa_bench.errors import HaqaError
from haqa_bench.report import statistics
from haqa_bench.report.table import Table
from haqa_bench.store.database import query

HEADINGS = (
    "Cell",
    "Method",
    "n",
    "Median",
    "95 % interval",
    "IQM",
    "Median regret",
    "Median rank",
    "Found optimum",
    "P(better than {})",
    "p (Holm)",
    "Against {}",
)
ABOUT = {
    "n": "studies, each with the same budget",
    "Median": "of the best feasible value that each study found",
    "95 % interval": "the percentile bootstrap interval of that median (10,000 resamples); none below three studies",
    "IQM": "the mean of the middle half of the studies",
    "Median regret": "the median distance from the best value of the whole response table, as a share of it",
    "Median rank": "the median rank of the best configuration found among all feasible ones of the response table; 1 is the optimum",
    "Found optimum": "studies that found the best value of the whole response table",
    "P(better than {})": "the share of all pairs of a study with one of the other method in which it found the better value; ties half",
    "p (Holm)": "Wilcoxon signed-rank, paired over the seeds of the cell, Holm-corrected over all cells and methods; none below six pairs",
    "Against {}": "tie where the medians are within the noise floor; better or worse where p < 0.05; else undecided",
}
SIGNIFICANT = 0.05


class StudyResult(NamedTuple):
    """What a study found. `best` is a score, larger is better, None where nothing feasible was
    measured.
    """

    cell: str
    method: str
    optimizer: str
    seed: int
    answered_by: str
    direction: str
    unit: str
    best: float | None
    best_value: float | None
    optimum: float | None
    rank: int | None
    source: str | None = None

    @property
    def regret(self) -> float | None:
        """How far the best is from the optimum, as a share of it; None where either is unknown."""
        if self.best_value is None or self.optimum is None:
            return None
        return abs(self.optimum - self.best_value) / abs(self.optimum)


Groups = Mapping[str, Mapping[str, Sequence[StudyResult]]]


def results(folder: Path) -> list[StudyResult]:
    """The studies of the run in `folder`.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    return [
        StudyResult(*row)
        for row in query(folder, files("haqa_bench.report").joinpath("studies.sql").read_text())
    ]


def grouped(found: Sequence[StudyResult]) -> Groups:
    """The studies by cell and method."""
    groups: dict[str, dict[str, list[StudyResult]]] = defaultdict(lambda: defaultdict(list))
    for result in found:
        groups[result.cell][result.method].append(result)
    return groups


def blocks(groups: Groups) -> list[dict[str, float | None]]:
    """For each cell, the median of each method that runs on them all; None, a failure, where any of
    its studies found nothing.
    """
    methods = sorted(set.intersection(*(set(m) for m in groups.values())))
    return [
        {name: _median([r.best for r in cell[name]]) for name in methods}
        for cell in groups.values()
    ]


def table(found: Sequence[StudyResult], against: str, floors: Mapping[str, float]) -> Table:
    """Each cell's methods beside the method `against`, and below it the ranking over all cells.

    `floors` is the noise floor of each cell whose default was measured against itself: medians no
    further apart are a tie.

    Raises:
        HaqaError: no study is of the method `against`.
    """
    groups = grouped(found)
    if not any(against in methods for methods in groups.values()):
        raise HaqaError(
            "--against",
            f"no study of '{against}' in this run",
            f"Methods: {', '.join(sorted({r.method for r in found}))}",
        )
    tests = _tests(groups, against)
    lines, keys = [], []
    for cell, methods in groups.items():
        keys += [f"{cell}/{name}" for name in methods]
        others, floor = methods.get(against, ()), floors.get(cell, 0.0)
        lines += [
            _cells(cell, name, rows, others, tests.get((cell, name)), floor)
            for name, rows in methods.items()
        ]
    return Table(
        title=f"Methods at equal budgets, against {against}",
        headings=[h.format(against) for h in HEADINGS],
        cells=lines,
        notes=[*_rankings(groups), *_legend(found, floors)],
        keys=keys,
        about={h.format(against): about for h, about in ABOUT.items()},
    )


def _cells(
    cell: str,
    name: str,
    rows: Sequence[StudyResult],
    others: Sequence[StudyResult],
    p: float | None,
    floor: float,
) -> list[str]:
    values = [r.best_value for r in rows if r.best_value is not None]
    scores, their_scores = (
        [r.best for r in group if r.best is not None] for group in (rows, others)
    )
    interval = statistics.median_interval(values)
    regrets = [r.regret for r in rows if r.regret is not None]
    ranks = [r.rank for r in rows if r.rank is not None]
    same = rows is others or not scores or not their_scores
    return [
        cell,
        name,
        str(len(rows)),
        f"{np.median(values):.1f}" if values else "none",
        f"{interval.low:.1f} to {interval.high:.1f}" if interval else "",
        f"{statistics.interquartile_mean(values):.1f}" if values else "none",
        f"{100 * np.median(regrets):.1f} %" if regrets else "unknown",
        f"{np.median(ranks):g}" if ranks else "unknown",
        f"{sum(r == 0 for r in regrets)} of {len(rows)}" if regrets else "unknown",
        "" if same else f"{statistics.probability_of_improvement(scores, their_scores):.2f}",
        "" if p is None else f"{p:.3f}" if p >= 0.001 else "< 0.001",
        "" if same else _verdict(scores, their_scores, p, floor),
    ]


def _verdict(ours: Sequence[float], theirs: Sequence[float], p: float | None, floor: float) -> str:
    """In a word: tie, where the medians are within the noise floor; better or worse, where a test
    says so; else undecided.
    """
    one, other = float(np.median(ours)), float(np.median(theirs))
    if abs(one - other) <= floor * abs(other):
        return "tie"
    if p is None or p >= SIGNIFICANT:
        return "undecided"
    return "better" if one > other else "worse"


def _tests(groups: Groups, against: str) -> dict[tuple[str, str], float | None]:
    """Within each cell paired over seeds, each method against one, Holm-corrected over all cells
    and methods.
    """
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for cell, methods in groups.items():
        reference = {r.seed: r.best for r in methods.get(against, ())}
        for name, rows in methods.items():
            for row in rows:
                other = reference.get(row.seed)
                if name != against and row.best is not None and other is not None:
                    pairs[cell, name].append((row.best, other))
    return statistics.holm(pairs)


def _rankings(groups: Groups) -> list[str]:
    """Average ranks over cells of the methods' medians, failures ranked last and failures dropped."""
    every = blocks(groups)
    notes = []
    for label, kept in (
        ("failures last", every),
        ("failures dropped", [b for b in every if None not in b.values()]),
    ):
        found = statistics.ranking(kept, list(every[0]))
        order = ", ".join(
            f"{name} {rank:.1f}"
            for name, rank in sorted(found.ranks.items(), key=lambda item: (item[1], item[0]))
        )
        p = (
            f"Friedman p = {found.p:.3f}"
            if found.p is not None
            else "no Friedman test below three cells"
        )
        notes.append(f"Average rank over {found.blocks} cells ({label}): {order}; {p}.")
    return notes


def _legend(found: Sequence[StudyResult], floors: Mapping[str, float]) -> list[str]:
    failed = sum(r.best is None for r in found)
    within = (
        "; ".join(f"{cell} {100 * floor:.1f} %" for cell, floor in sorted(floors.items()))
        or "not measured, so that only equal medians tie"
    )
    legend = [
        f"All values: {', '.join(sorted({r.source for r in found if r.source})) or 'of unknown source'}.",
        "n: studies, each with the same budget. Interval: bootstrap of the median, from three studies on.",
        "Regret: distance from the best value of the whole response table, as a share of it.",
        "Rank: of the best configuration found, among all feasible ones of the response table; 1 is the optimum.",
        "p: Wilcoxon signed-rank, paired over the seeds of a cell, Holm-corrected over all cells and methods; none below six pairs.",
        f"Against: a tie where the medians are within the noise floor ({within}); better or worse where p < {SIGNIFICANT}; else undecided.",
        f"Studies without any feasible result: {failed} of {len(found)}.",
    ]
    agents = sorted({r.method for r in found if r.answered_by})
    return legend + [
        f"{name}: each seed is one recording of an LLM; its n says nothing of other recordings."
        for name in agents
    ]


def _median(values: Sequence[float | None]) -> float | None:
    """The median, or None where any study failed: a method that fails sometimes is not as good as
    its good days.
    """
    return None if None in values else float(np.median([v for v in values if v is not None]))
