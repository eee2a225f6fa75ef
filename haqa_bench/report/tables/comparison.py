"""Methods against each other at equal budgets: medians with intervals, probability of improvement,
paired tests, ranks.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from haqa_bench.errors import HaqaError
from haqa_bench.report import statistics
from haqa_bench.report.found.studies import Groups, StudyResult, grouped
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Key,
    Table,
    Value,
    digits_of,
    exact,
    share,
    value,
    whole,
    words,
)

COLUMNS = (
    Column("Cell", role="key"),
    Column("Method", role="key"),
    Column("n", about="studies, each with the same budget", role="n"),
    Column("Median", about="of the best feasible value that each study found"),
    Column(
        "95 % interval",
        about="the percentile bootstrap interval of that median (10,000 resamples); none "
        "below three studies",
    ),
    Column("IQM", about="the mean of the middle half of the studies"),
    Column(
        "Median regret",
        "%",
        1,
        "the median distance from the best value of the whole response table, as a share of it",
    ),
    Column(
        "Median rank",
        about="the median rank of the best configuration found among all feasible ones of "
        "the response table; 1 is the optimum",
    ),
    Column("Found optimum", about="studies that found the best value of the whole response table"),
    Column(
        "P(better than {})",
        digits=2,
        about="the share of all pairs of a study with one of the other method in which it "
        "found the better value; ties half",
    ),
    Column(
        "p (Holm)",
        digits=3,
        about="Wilcoxon signed-rank, paired over the seeds of the cell, Holm-corrected over "
        "all cells and methods; none below six pairs",
    ),
    Column(
        "Against {}",
        about="tie where the medians are within the noise floor; better or worse where p < "
        "0.05; else undecided",
        role="words",
    ),
)
SIGNIFICANT = 0.05
LEAST_P = 0.001
"""Below which no more is said of a p value."""


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
    rows = [(cell, name) for cell, methods in groups.items() for name in methods]
    return Table(
        title=f"Methods at equal budgets, against {against}",
        columns=[c._replace(name=c.name.format(against)) for c in COLUMNS],
        rows=[
            [
                words(cell),
                words(name),
                *_of_method(groups[cell][name]),
                *_beside(
                    groups[cell][name],
                    groups[cell].get(against, ()),
                    tests.get((cell, name)),
                    floors.get(cell, 0.0),
                ),
            ]
            for cell, name in rows
        ],
        notes=[*_rankings(groups), *_legend(found, floors)],
        keys=[Key(cell, name) for cell, name in rows],
    )


def _of_method(rows: Sequence[StudyResult]) -> list[Value]:
    """What a method's studies found on a cell."""
    unit = rows[0].unit
    values = [r.best_value for r in rows if r.best_value is not None]
    regrets = [r.regret for r in rows if r.regret is not None]
    ranks = [r.rank for r in rows if r.rank is not None]
    hits = sum(regret == 0 for regret in regrets)
    unknown = words("unknown")
    return [
        whole(len(rows)),
        exact(float(np.median(values)) if values else None, unit, n=len(values)),
        _interval(values, unit),
        exact(statistics.interquartile_mean(values) if values else None, unit),
        share(float(np.median(regrets))) if regrets else unknown,
        whole(float(np.median(ranks))) if ranks else unknown,
        Value(hits, n=len(rows), text=f"{hits} of {len(rows)}") if regrets else unknown,
    ]


def _interval(values: Sequence[float], unit: str) -> Value:
    found = statistics.median_interval(values)
    if found is None:
        return words("")
    form = Form("{low} to {high}", digits_of(unit))
    return value(None, form, unit=unit, low=found.low, high=found.high, n=len(values))


def _beside(
    rows: Sequence[StudyResult], others: Sequence[StudyResult], p: float | None, floor: float
) -> list[Value]:
    """A method beside the one that it is compared with."""
    ours, theirs = ([r.best for r in group if r.best is not None] for group in (rows, others))
    same = rows is others or not ours or not theirs
    if same:
        return [words(""), _p(p), words("")]
    chance = statistics.probability_of_improvement(ours, theirs)
    verdict = _verdict(ours, theirs, p, floor)
    return [value(chance, Form("{number}", 2)), _p(p), words(verdict)]


def _p(p: float | None) -> Value:
    if p is None:
        return words("")
    form = Form("{number}" if p >= LEAST_P else f"< {LEAST_P}", 3)
    return value(p, form)


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
    """Average ranks over cells of the methods' medians, failures ranked last and failures
    dropped.
    """
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
        "All values: "
        f"{', '.join(sorted({r.source for r in found if r.source})) or 'of unknown source'}.",
        "n: studies, each with the same budget. Interval: bootstrap of the median, "
        "from three studies on.",
        "Regret: distance from the best value of the whole response table, as a share of it.",
        "Rank: of the best configuration found, among all feasible ones of the "
        "response table; 1 is the optimum.",
        "p: Wilcoxon signed-rank, paired over the seeds of a cell, Holm-corrected over "
        "all cells and methods; none below six pairs.",
        f"Against: a tie where the medians are within the noise floor ({within}); "
        f"better or worse where p < {SIGNIFICANT}; else undecided.",
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
