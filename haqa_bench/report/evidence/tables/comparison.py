"""What stands behind the columns of the comparison of methods."""

from collections.abc import Mapping, Sequence

from haqa_bench.report import statistics
from haqa_bench.report.evidence.place import CELL, Declared, Place, method, studies
from haqa_bench.report.evidence.recorded import noise, trials, whole
from haqa_bench.report.evidence.recorded.ledger import Ledger, Study, key
from haqa_bench.report.evidence.rules import group, step
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step

AGAINST = "random"
"""The method that others are compared with, where no other is named."""


def _bests(place: Place) -> list[Part]:
    return trials.bests(place.ledger, place.studies)


def median(place: Place) -> Evidence:
    """The median over studies of their best."""
    unit = place.cell.objective.unit
    found = step("median", "over studies", _bests(place), unit)
    return Evidence(found, studies=place.ids)


def interval(place: Place) -> Evidence:
    """Both ends of the interval of that median."""
    unit, found = place.cell.objective.unit, _bests(place)
    low, high = (
        step(f"{end} end of the interval", "over studies", found, unit) for end in ("low", "high")
    )
    return Evidence(None, low, high, studies=place.ids)


def middle_half(place: Place) -> Evidence:
    """The mean of the middle half of the studies."""
    found = step(
        "mean of the middle half", "over studies", _bests(place), place.cell.objective.unit
    )
    return Evidence(found, studies=place.ids)


def regret(place: Place) -> Evidence:
    """How far each study's best is from the best that the response table holds; and what noise
    makes of the study in the middle.
    """
    found = step("median", "over studies", _regrets(place), "%")
    if place.printed.low is None:
        return Evidence(found, studies=place.ids)
    low, high = (_noisy(place, f"{end} end of the noisy regret") for end in ("low", "high"))
    return Evidence(found, low, high, studies=place.ids)


def _noisy(place: Place, rule: str) -> Step:
    tried = [(s, trials.best_trial(place.ledger, s)) for s in place.studies]
    known = whole.optimum(place.ledger, place.cell)
    best = known.value if known and isinstance(known.value, float) else 0.0
    winners = [(abs(best - abs(t.score)), key(t.configuration)) for _, t in tried if t and t.score]
    middle = sorted(winners, key=lambda winner: winner[0])[len(winners) // 2][1]
    every = whole.feasible(place.ledger, place.cell)
    direction = Reading(place.cell.objective.direction, about="what is better")
    chosen = Reading(middle, about=middle)
    return step(
        rule, "if every configuration were measured again", [direction, chosen, *every], "%"
    )


def _regrets(place: Place) -> list[Part]:
    known = whole.optimum(place.ledger, place.cell)
    found = [part for part in _bests(place) if isinstance(part, Step)]
    return [step("relative distance", p.about, [p, known], "%") for p in found] if known else []


def hits(place: Place) -> Evidence:
    """The studies that found the best that the response table holds."""
    known, unit = whole.optimum(place.ledger, place.cell), place.cell.objective.unit
    parts = [
        Reading(p.value, unit, p.about, used=p.value == known.value, reason="is not the optimum")
        for p in _bests(place)
        if isinstance(p, Step) and known
    ]
    return Evidence(step("count", "studies that found the optimum", parts), studies=place.ids)


def rank(place: Place) -> Evidence:
    """The place of each study's best among all feasible configurations of the response table."""
    found = [
        ranked
        for best in _bests(place)
        if isinstance(best, Step)
        and (ranked := whole.rank(place.ledger, place.cell, best, best.about)) is not None
    ]
    return Evidence(step("median", "over studies", found), studies=place.ids)


def scores(ledger: Ledger, studies: Sequence[Study]) -> dict[int, Reading]:
    """The best of each study by seed, larger is better: of what is to be small, its negative."""
    found = {}
    for study in studies:
        trial = trials.best_trial(ledger, study)
        if trial is not None and trial.score is not None:
            about, where = f"{study.method} seed {study.seed}", ledger.where(study.id, trial.number)
            found[study.seed] = Reading(trial.score, study.unit, about, where)
    return found


def chance(place: Place) -> Evidence:
    """All pairs of a study with one of the other method."""
    both = (place.studies, place.ledger.studies.get((place.key.cell, AGAINST), ()))
    groups = [group(of[0].method, list(scores(place.ledger, of).values())) for of in both if of]
    return Evidence(step("share of pairs ahead", "", groups), studies=place.ids)


def holm(place: Place) -> Evidence:
    """The p value of the method on the cell, and all others that were tested."""
    every = place.ledger.once(("tested",), lambda: _tested(place.ledger))
    tested = every.parts if isinstance(every, Step) else []
    own = [p for p in tested if p.about == _test(place.key.cell, place.method)]
    rest = [p for p in tested if p not in own]
    return Evidence(step("Holm p", "", [*own, *rest]), studies=place.ids) if own else Evidence()


def _test(cell: str, method: str) -> str:
    return f"{method} against {AGAINST} on {cell}"


def _tested(ledger: Ledger) -> Step:
    """The test of every method on every cell that has pairs enough."""
    found = [
        step("Wilcoxon p", _test(cell, name), pairs)
        for cell, name in ledger.studies
        if name != AGAINST
        and len(pairs := _seed_pairs(ledger, cell, name)) >= statistics.FEWEST_PAIRS
    ]
    return step("count", "tests", found)


def _seed_pairs(ledger: Ledger, cell: str, method: str) -> list[Part]:
    ours, theirs = (scores(ledger, ledger.studies.get((cell, m), ())) for m in (method, AGAINST))
    return [group(f"seed {seed}", [ours[seed], theirs[seed]]) for seed in ours if seed in theirs]


def verdict(place: Place) -> Evidence:
    """The pairs, the noise floor of the cell and the p value: what the word is said by."""
    found = _seed_pairs(place.ledger, place.key.cell, place.method)
    pairs = group("pairs of one seed", found)
    floor = noise.floor(place.ledger, place.key.cell)
    unknown = Reading(0.0, "1", "the noise floor was not measured: only equal medians tie")
    p = holm(place).number
    word = step("verdict", "", [pairs, floor or unknown, *([p] if p is not None else [])])
    ahead = step("pairs ahead", "pairs in which the method is ahead", found)
    return Evidence(besides=[word, ahead], studies=place.ids)


COLUMNS: Mapping[str, Declared] = {
    "cell": CELL,
    "method": method,
    "n": studies,
    "median": median,
    "95-interval": interval,
    "iqm": middle_half,
    "regret": regret,
    "rank": rank,
    "found-best": hits,
    "p-better-than-random": chance,
    "p-holm": holm,
    "against-random": verdict,
}
