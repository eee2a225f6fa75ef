"""What stands behind the columns of the tables of best results."""

import json
from collections.abc import Mapping, Sequence

from haqa_bench import tracks
from haqa_bench.report import traits
from haqa_bench.report.evidence.place import (
    BITS,
    HARDWARE,
    MODEL,
    Declared,
    Place,
    method,
    of_lock,
    published,
    source,
    studies,
)
from haqa_bench.report.evidence.recorded import pairs, roofline, tests, trials, whole
from haqa_bench.report.evidence.recorded.ledger import Study, Tried, key
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step
from haqa_bench.report.found.tests import REFERENCE
from haqa_bench.report.tables.best_found_columns import CHANCE, EXACT
from haqa_bench.store import facts

PERPLEXITY = "perplexity"


def _tried(place: Place) -> list[tuple[Study, Tried]]:
    """The studies that found anything feasible, with their best trials."""
    found = [(s, trials.best_trial(place.ledger, s)) for s in place.studies]
    return [(study, trial) for study, trial in found if trial is not None]


def _winners(place: Place) -> list[tuple[Study, str]]:
    """The same, with their best configurations."""
    return [(study, key(trial.configuration)) for study, trial in _tried(place)]


def _named(study: Study, configuration: str) -> str:
    settings = ", ".join(f"{name} {chosen}" for name, chosen in json.loads(configuration).items())
    return f"{study.method} seed {study.seed}, its winner: {settings}"


def _default_key(place: Place) -> str:
    return key(place.ledger.trials[place.studies[0].id][0].configuration)


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
    return _median(place, found, place.cell.objective.unit)


def _median(place: Place, parts: Sequence[Part], unit: str) -> Step:
    return step("median", "over studies", parts, unit)


def _ends(place: Place) -> tuple[Step, Step]:
    """The lowest and the highest of the studies' bests; of random search by arithmetic, the 5th and
    the 95th percentile.
    """
    if _is_exact(place):
        ends = [
            whole.random(place.ledger, place.cell, f"{share} percentile")
            for share in ("5th", "95th")
        ]
        return (ends[1], ends[0]) if _smaller(place) else (ends[0], ends[1])
    found = trials.bests(place.ledger, place.studies)
    unit = place.cell.objective.unit
    low, high = (step(rule, "over studies", found, unit) for rule in ("smallest", "largest"))
    return low, high


def _smaller(place: Place) -> bool:
    return place.cell.objective.direction == "minimize"


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
    both = [other, found] if _smaller(place) else [found, other]
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
    return Evidence(_median(place, parts, "1"), studies=place.ids)


def _default(place: Place) -> Step:
    studies = place.studies or place.ledger.of_cell(place.key.cell)[:1]
    defaults = [trials.default(place.ledger, study) for study in studies]
    return step("median", "the default, over studies", defaults, place.cell.objective.unit)


def gain(place: Place) -> Evidence:
    """The median best less the median default, or the other way round."""
    unit = place.cell.objective.unit
    found, default = _middle(place), _default(place)
    both = [default, found] if _smaller(place) else [found, default]
    return Evidence(step("difference", "larger is better", both, unit), studies=place.ids)


def confirmed(place: Place) -> Evidence:
    """Each winner's pairs with the default; a default that is kept counts as 1."""
    winners = _kept(place)
    default = _default_key(place)
    tuned = [w for (_, c), w in zip(_winners(place), winners, strict=True) if c != default]
    return Evidence(_median(place, winners, "1"), besides=[pairs.better(tuned)], studies=place.ids)


def _kept(place: Place) -> list[Step]:
    default = _default_key(place)
    return [
        step("count", f"{_named(study, c)}; it is the default", [Reading(1, "1")], "1")
        if c == default
        else pairs.kept(place.ledger, place.key.cell, c, _named(study, c))
        for study, c in _winners(place)
    ]


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
    return Evidence(_median(place, parts, "%"), studies=place.ids)


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
        for study, trial in _tried(place)
        if (told := facts.parse(json.loads(trial.facts)).bits_per_weight) is not None
    ]
    return Evidence(_median(place, found, "bits"), studies=place.ids)


def perplexity(place: Place) -> Evidence:
    """Each winner's, over the default's."""
    found = [trials.value(place.ledger, s, t, PERPLEXITY) for s, t in _tried(place)]
    first = place.studies[0]
    zero = place.ledger.trials[first.id][0]
    default = trials.value(place.ledger, first, zero, PERPLEXITY)
    both = [_median(place, found, "1"), default]
    return Evidence(step("quotient", "the winners' over the default's", both), studies=place.ids)


def of_roofline(place: Place) -> Evidence:
    """Each winner's samples against what the device allowed just before each."""
    shares = [
        found._replace(about=_named(study, configuration))
        for study, configuration in _winners(place)
        if (found := roofline.share(place.ledger, place.cell, configuration)) is not None
    ]
    return Evidence(_median(place, shares, "%"), studies=place.ids)


def against_peer(place: Place) -> Evidence:
    """The winners' ratio to the default over the peer's."""
    ledger, cell = place.ledger, place.key.cell
    ours = _median(place, _kept(place), "1")
    theirs = pairs.ratio(ledger, cell, traits.peer(place.cell))
    return Evidence(step("quotient", "", [ours, theirs], "1"), studies=place.ids)


def test_accuracy(place: Place) -> Evidence:
    """Each winner's mean over seeds; of guessing, what its track says."""
    if place.key.method == CHANCE:
        about = "what guessing gives, by how many answers an item offers"
        return Evidence(Reading(tracks.of(place.cell).chance(place.cell), "%", about))
    found = _tested(place)
    worst, highest = (step(rule, "over studies", found, "%") for rule in ("smallest", "largest"))
    return Evidence(_median(place, found, "%"), worst, highest, studies=place.ids)


def test_range(place: Place) -> Evidence:
    """The worst and the best study's winner."""
    return test_accuracy(place)._replace(number=None)


def _tested(place: Place) -> list[Step]:
    ledger, cell = place.ledger, place.key.cell
    reference = _reference(place)
    if reference:
        return [tests.mean(ledger, cell, reference, place.key.method)]
    return [tests.mean(ledger, cell, c, _named(study, c)) for study, c in _winners(place)]


def _reference(place: Place) -> str:
    """How a row's reference is recorded, such as full precision; empty where a method's row is."""
    if place.studies:
        return ""
    recorded = place.ledger.confirmed(place.key.cell).tests
    names = {json.loads(one).get(REFERENCE): one for one in sorted(recorded)}
    return names.get(place.key.method, "")


def against_default(place: Place) -> Evidence:
    """Each winner's accuracy less the default's, seed by seed."""
    ledger, cell = place.ledger, place.key.cell
    default = ledger.confirmed(cell).default
    winners = [
        (c, step("mean", _named(s, c), tests.differences(ledger, cell, c, default), "points"))
        for s, c in _winners(place)
    ]
    better = tests.better(ledger, cell, default, winners)
    errors = [
        tests.error(ledger, cell, c, default)._replace(about=f"{found.about}: error over items")
        for c, found in winners
        if found.parts
    ]
    middle = _median(place, [found for _, found in winners], "points")
    return Evidence(middle, besides=[better, *errors], studies=place.ids)


def n(place: Place) -> Evidence:
    """The studies; of the default the samples, or the seeds that it was tested with."""
    if "seed" in place.printed.unit:
        return Evidence(step("count", "seeds that it was tested with", _seeds(place)))
    if place.printed.unit == "samples":
        default = trials.default(place.ledger, place.studies[0])
        parts = default.parts if isinstance(default, Step) else []
        return Evidence(step("count", "samples that count", parts), studies=place.ids)
    return studies(place)


def _seeds(place: Place) -> list[Part]:
    winners = [c for _, c in _winners(place)]
    configuration = _reference(place) or (winners[0] if winners else "")
    found = tests.of(place.ledger, place.key.cell, configuration)
    return [Reading(t.seed, about=f"tested on {t.date}", where=t.where) for t in found]


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
    "published-speed-up": published,
    "published-accuracy": published,
}
"""By the name that ids have of a heading; what is measured stands under its unit, or its metric
and unit."""
