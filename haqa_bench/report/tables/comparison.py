"""Methods against each other, as many proposals each: medians with intervals, probability of
improvement, paired tests, ranks.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from haqa_bench.report import statistics, verdict
from haqa_bench.report.compared import Compared, compared
from haqa_bench.report.compared import Known as Known
from haqa_bench.report.found.studies import Groups, StudyResult, grouped
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Key,
    Table,
    Value,
    count,
    digits_of,
    exact,
    share,
    value,
    whole,
    words,
)

COLUMNS = (
    Column("Cell", role="key", place="heading"),
    Column("Method", role="key"),
    Column("n", about="studies, each with the same number of proposals", role="n"),
    Column("Median", about="of the best feasible value that each study found"),
    Column("Against {}", about=f"{verdict.RULE}; ahead in: pairs of one seed", role="words"),
    Column(
        "Regret",
        "%",
        1,
        "the median distance from the best value of the whole response table, as a share of it; in "
        "brackets what noise makes of it, the 95 % interval if every configuration were measured "
        "again",
    ),
    Column(
        "Rank",
        about="the median rank of the best configuration found among all feasible ones of "
        "the response table; 1 is the best of it",
    ),
    Column(
        "Found best",
        about="studies that found the best value of the whole response table",
    ),
    Column(
        "95 % interval",
        about="the percentile bootstrap interval of the median (10,000 resamples); none "
        "below six studies",
    ),
    Column("IQM", about="the mean of the middle half of the studies; none below six"),
    Column(
        "P(better than {})",
        digits=2,
        about="the share of all pairs of a study with one of the other method in which it "
        "found the better value; ties half",
        place="wide",
    ),
    Column(
        "p (Holm)",
        digits=3,
        about="Wilcoxon signed-rank, paired over the seeds of the cell, Holm-corrected over "
        "all cells and methods; none below six pairs",
    ),
)
OF_THE_BEST = ("Regret", "Rank", "Found best")
"""Columns that need to know the best of a space."""


SATURATED = 0.05
"""A cell where half of all random searches come within this share of the best tells nothing apart.
"""


def blocks(groups: Groups) -> list[dict[str, float | None]]:
    """For each cell, the median of each method that runs on them all; None, a failure, where any of
    its studies found nothing.
    """
    methods = sorted(set.intersection(*(set(m) for m in groups.values())))
    return [
        {name: _median([r.best for r in cell[name]]) for name in methods}
        for cell in groups.values()
    ]


def table(
    found: Sequence[StudyResult],
    against: str,
    floors: Mapping[str, float],
    known: Mapping[str, Known] = MappingProxyType({}),
    listed: bool = True,
) -> Table:
    """Each cell's methods beside the method `against`, and below it the ranking over all cells that
    can tell methods apart; see `compared`. Where no space of theirs is `listed`, without what needs
    to know the best of it.

    Raises:
        HaqaError: no study is of the method `against`.
    """
    rows = compared(found, against, floors, known)
    made = Table(
        title=f"Methods at equal numbers of proposals, against {against}",
        columns=[c._replace(name=c.name.format(against)) for c in COLUMNS],
        rows=[_row(row) for row in rows],
        notes=[*notes(found, rows, against, known)],
        details=[*_legend(found, floors, listed), *_shares(found), *_tables(known)],
        keys=[Key(row.cell, row.method) for row in rows],
    )
    kept = [i for i, c in enumerate(COLUMNS) if listed or c.name not in OF_THE_BEST]
    return made if listed else made.only(kept)


def notes(
    found: Sequence[StudyResult],
    rows: Sequence[Compared],
    against: str,
    known: Mapping[str, Known],
) -> list[str]:
    """What is to be said of a comparison, in sentences."""
    groups = grouped(found)
    useless = untelling(groups, known)
    return [
        *_agents(found),
        *_verdicts(rows, against),
        *_rankings({c: of for c, of in groups.items() if c not in useless}),
        *_left_out(useless),
    ]


def untelling(groups: Groups, known: Mapping[str, Known]) -> dict[str, str]:
    """Why a cell cannot tell methods apart, by cell, of those that cannot."""
    said = {cell: _untelling(of, known.get(cell, Known())) for cell, of in groups.items()}
    return {cell: why for cell, why in said.items() if why}


def _untelling(methods: Mapping[str, Sequence[StudyResult]], known: Known) -> str:
    every = [r for rows in methods.values() for r in rows]
    if any(r.optimizer == "default" and r.found_best for r in every):
        return "the default is the best"
    random, optimum = known.exact, every[0].optimum
    lost = statistics.regret(random.median, optimum) if random else None
    if random and random.median == optimum:
        lost = 0.0
    if random and lost is not None and lost <= SATURATED:
        return f"half of all random searches lose at most {100 * lost:.1f} %"
    return ""


def _left_out(useless: Mapping[str, str]) -> list[str]:
    told = "; ".join(f"{cell} ({why})" for cell, why in useless.items())
    return [f"Not ranked, since they tell no methods apart: {told}."] if told else []


def _tables(known: Mapping[str, Known]) -> list[str]:
    """How sure response tables are of their best."""
    told = [
        f"{cell} {100 * of.uncertainty.another_best:.0f} %"
        for cell, of in known.items()
        if of.uncertainty
    ]
    return (
        [
            "How likely another configuration is the best, if all were measured again, by "
            "resampling: "
            f"{'; '.join(told)}."
        ]
        if told
        else []
    )


def _row(found: Compared) -> list[Value]:
    said = found.verdict
    return [
        words(found.cell),
        words(found.method),
        whole(found.studies),
        exact(found.median, found.unit, n=found.found),
        words(str(said or "")),
        *_of_table(found),
        _interval(found),
        words("") if found.iqm is None else exact(found.iqm, found.unit, n=found.found),
        words("") if found.chance is None else value(found.chance, Form("{number}", 2)),
        _p(said.p if said else None),
    ]


def _of_table(found: Compared) -> list[Value]:
    """How near a method's studies came to the best of the response table."""
    hits, unknown = found.hits, words("unknown")
    return [
        _regret(found) or unknown,
        unknown if found.rank is None else whole(found.rank),
        unknown
        if hits is None
        else Value(hits, n=found.studies, text=f"{hits} of {found.studies}"),
    ]


def _regret(found: Compared) -> Value | None:
    """The median, and what noise makes of it."""
    if found.regret is None:
        return None
    median = share(found.regret)
    if found.noise is None:
        return median
    form = Form("{number} % ({low} to {high})", 1)
    low, high = 100 * found.noise.low, 100 * found.noise.high
    return value(median.number, form, unit="%", low=low, high=high, n=found.with_regret)


def _interval(found: Compared) -> Value:
    if found.interval is None:
        return words("")
    form, (low, high) = Form("{low} to {high}", digits_of(found.unit)), found.interval
    return value(None, form, unit=found.unit, low=low, high=high, n=found.found)


def _p(p: float | None) -> Value:
    if p is None:
        return words("")
    form = Form("{number}" if p >= verdict.LEAST_P else f"< {verdict.LEAST_P}", 3)
    return value(p, form)


def _verdicts(rows: Sequence[Compared], against: str) -> list[str]:
    """The words of all cells, a method a part of the sentence."""
    methods: dict[str, list[verdict.Verdict]] = {}
    for row in rows:
        if row.verdict:
            methods.setdefault(row.method, []).append(row.verdict)
    told = [f"{name} {verdict.counted(of)}" for name, of in methods.items()]
    return [f"Against {against}, cells: {'; '.join(told)}. {verdict.RULE}."] if told else []


def _rankings(groups: Groups) -> list[str]:
    """Average ranks over cells of the methods' medians, failures ranked last and failures
    dropped.
    """
    if not groups:
        return []
    every = blocks(groups)
    kept = [block for block in every if None not in block.values()]
    if kept == every:
        return [_ranking(every, "", list(every[0]))]
    return [
        _ranking(every, " (failures last)", list(every[0])),
        _ranking(kept, " (failures dropped)", list(every[0])),
    ]


def _ranking(kept: Sequence[Mapping[str, float | None]], which: str, names: Sequence[str]) -> str:
    found = statistics.ranking(kept, names)
    order = ", ".join(
        f"{name} {rank:.1f}"
        for name, rank in sorted(found.ranks.items(), key=lambda item: (item[1], item[0]))
    )
    few = "no Friedman test below three cells and methods"
    p = few if found.p is None else f"Friedman {verdict.told_p(found.p)}"
    over = count(found.blocks, "cells", "cell")
    return f"Average rank over {over}{which}: {order}; {p}."


def _shares(found: Sequence[StudyResult]) -> list[str]:
    """Why some cells have no regret."""
    useless = {r.cell for r in found if r.optimum is not None and r.optimum <= 0}
    told = "Regret is unknown where the best value is not above 0, of which no share can be told"
    return [f"{told}: {', '.join(sorted(useless))}."] if useless else []


def _legend(found: Sequence[StudyResult], floors: Mapping[str, float], listed: bool) -> list[str]:
    failed = sum(r.best is None for r in found)
    within = "; ".join(f"{cell} {100 * floor:.1f} %" for cell, floor in sorted(floors.items()))
    best = (
        "Regret: distance from the best value of the whole response table, as a share of it. "
        "Rank: of the best configuration found, among all feasible ones of it; 1 is its best."
    )
    return [
        "All values: "
        f"{', '.join(sorted({r.source for r in found if r.source})) or 'of unknown source'}.",
        "n: studies, each with the same number of proposals. Interval: bootstrap of the median, "
        "from six studies on.",
        *([best] if listed else []),
        f"Noise floors: {within or 'not measured'}.",
        f"Studies without any feasible result: {failed} of {len(found)}.",
    ]


def _agents(found: Sequence[StudyResult]) -> list[str]:
    agents = sorted({r.method for r in found if r.answered_by})
    return (
        [
            f"{', '.join(agents)}: each seed is one recording of an LLM; n says nothing of other "
            "recordings."
        ]
        if agents
        else []
    )


def _median(values: Sequence[float | None]) -> float | None:
    """The median, or None where any study failed: a method that fails sometimes is not as good as
    its good days.
    """
    return None if None in values else float(np.median([v for v in values if v is not None]))
