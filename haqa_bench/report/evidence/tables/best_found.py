"""What stands behind the columns of the tables of best results."""

import json
from collections.abc import Mapping

from haqa_bench.report import traits
from haqa_bench.report.evidence.place import (
    BITS,
    HARDWARE,
    MODEL,
    Declared,
    Place,
    method,
    of_lock,
    source,
    studies,
)
from haqa_bench.report.evidence.recorded import trials, whole
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tables import published
from haqa_bench.report.evidence.tables.best_confirmed import (
    against_default,
    against_peer,
    confirmed,
    of_roofline,
    seeds,
    test_accuracy,
    test_range,
)
from haqa_bench.report.evidence.tables.winners import (
    middle_of,
    smaller,
    tried,
)
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step
from haqa_bench.report.tables.best_found_rows import EXACT
from haqa_bench.store import facts

PERPLEXITY = "perplexity"


def _is_exact(place: Place) -> bool:
    """Whether the row is of what random search finds by arithmetic."""
    return place.key.method == EXACT


def _middle(place: Place) -> Step:
    """The median over studies of their best; of random search by arithmetic, over all that there
    may be.
    """
    if _is_exact(place):
        return whole.random(place.ledger, place.cell, "median")
    found = trials.bests(place.ledger, place.studies)
    return middle_of(found, place.cell.objective.unit)


def _ends(place: Place) -> tuple[Step, Step]:
    """The lowest and the highest of the studies' bests; of random search by arithmetic, the 5th and
    the 95th percentile.
    """
    if _is_exact(place):
        ends = [
            whole.random(place.ledger, place.cell, f"{share} percentile")
            for share in ("5th", "95th")
        ]
        return (ends[1], ends[0]) if smaller(place) else (ends[0], ends[1])
    found = trials.bests(place.ledger, place.studies)
    unit = place.cell.objective.unit
    low, high = (step(rule, "over studies", found, unit) for rule in ("smallest", "largest"))
    return low, high


def best(place: Place) -> Evidence:
    """The median over studies of their best, and the lowest and the highest of them."""
    low, high = _ends(place)
    return Evidence(_middle(place), low, high, studies=place.ids)


def spread(place: Place) -> Evidence:
    """The lowest and the highest of the studies' bests."""
    low, high = _ends(place)
    return Evidence(None, low, high, studies=place.ids)


def _over(place: Place, rule: str, found: Step, other: Part, unit: str) -> Step:
    """How many times as good as another, or what share of it: of times, the other way round."""
    both = [other, found] if smaller(place) else [found, other]
    return step(rule, found.about, both, unit)


def speed_up(place: Place) -> Evidence:
    """Each study's best over its own default, or the other way round."""
    if _is_exact(place):
        return Evidence(_over(place, "quotient", _middle(place), _default(place), "1"))
    parts: list[Part] = []
    for study in place.studies:
        found, default = trials.best(place.ledger, study), trials.default(place.ledger, study)
        if isinstance(found, Step) and default.value is not None:
            parts.append(_over(place, "quotient", found, default, "1"))
    return Evidence(middle_of(parts, "1"), studies=place.ids)


def _default(place: Place) -> Step:
    studies = place.studies or place.ledger.of_cell(place.key.cell)[:1]
    defaults = [trials.default(place.ledger, study) for study in studies]
    return step("median", "the default, over studies", defaults, place.cell.objective.unit)


def gain(place: Place) -> Evidence:
    """The median best less the median default, or the other way round."""
    unit = place.cell.objective.unit
    found, default = _middle(place), _default(place)
    both = [default, found] if smaller(place) else [found, default]
    return Evidence(step("difference", "larger is better", both, unit), studies=place.ids)


def of_optimum(place: Place) -> Evidence:
    """Each study's best as a share of the best that the response table holds."""
    known = whole.optimum(place.ledger, place.cell)
    if known is None:
        return Evidence()
    if _is_exact(place):
        return Evidence(_over(place, "quotient in percent", _middle(place), known, "%"))
    parts = [
        _over(place, "quotient in percent", found, known, "%")
        for found in trials.bests(place.ledger, place.studies)
        if isinstance(found, Step)
    ]
    return Evidence(middle_of(parts, "%"), studies=place.ids)


def of_the_way(place: Place) -> Evidence:
    """The median best, the default, and the best that the response table holds."""
    known = whole.optimum(place.ledger, place.cell)
    if known is None:
        return Evidence()
    found = _middle(place)._replace(about="the median best")
    parts = [found, _default(place), known]
    return Evidence(step("share of the way", "", parts, "%"), studies=place.ids)


def bits(place: Place) -> Evidence:
    """Of the file that each winner ran with."""
    found = [
        Reading(
            told, "bits", trials.named(study, trial), place.ledger.where(study.id, trial.number)
        )
        for study, trial in tried(place)
        if (told := facts.parse(json.loads(trial.facts)).bits_per_weight) is not None
    ]
    return Evidence(middle_of(found, "bits"), studies=place.ids)


def perplexity(place: Place) -> Evidence:
    """Each winner's, over the default's."""
    found = [trials.value(place.ledger, s, t, PERPLEXITY) for s, t in tried(place)]
    first = place.studies[0]
    zero = place.ledger.trials[first.id][0]
    default = trials.value(place.ledger, first, zero, PERPLEXITY)
    both = [middle_of(found, "1"), default]
    return Evidence(step("quotient", "the winners' over the default's", both), studies=place.ids)


def n(place: Place) -> Evidence:
    """The studies; of the default the samples, or the seeds that it was tested with."""
    if "seed" in place.printed.unit:
        return Evidence(step("count", "seeds that it was tested with", seeds(place)))
    if place.printed.unit == "samples":
        default = trials.default(place.ledger, place.studies[0])
        parts = default.parts if isinstance(default, Step) else []
        return Evidence(step("count", "samples that count", parts), studies=place.ids)
    return studies(place)


def outcomes(place: Place) -> Evidence:
    """Every proposal, and which of them told nothing new."""
    parts: list[Part] = []
    for study in place.studies:
        for trial in place.ledger.trials[study.id][1:]:
            what = "repeated" if trial.repeat_of is not None else trial.status.replace("_", " ")
            about = f"{study.method} seed {study.seed}, trial {trial.number}"
            where = place.ledger.where(study.id, trial.number)
            parts.append(Reading(what, "", about, where, what != "ok", "told something new"))
    found = step("count", "proposals that told nothing new", parts, "proposals")
    return Evidence(found, studies=place.ids)


def kernel(place: Place) -> str:
    """The part of a model that the cell is of."""
    return traits.part(place.cell)


COLUMNS: Mapping[str, Declared] = {
    "kernel": of_lock("the part of a model that the cell is of", kernel),
    "model": MODEL,
    "bit-width": BITS,
    "hardware": HARDWARE,
    "method": method,
    "range": spread,
    "speed-up": speed_up,
    "gain": gain,
    "confirmed": confirmed,
    "of-optimum": of_optimum,
    "of-the-way": of_the_way,
    "bits": bits,
    "perplexity": perplexity,
    "of-roofline": of_roofline,
    "against-ggml": against_peer,
    "test-accuracy": test_accuracy,
    "test-range": test_range,
    "against-default": against_default,
    "n": n,
    "source": source,
    "invalid-failed-repeated": outcomes,
    "published-speed-up": published.of_method,
    "published-accuracy": published.of_method,
}
"""By the name that ids have of a heading; what is measured stands under its unit, or its metric
and unit."""
