"""What stands behind the columns that tell of winners measured again, apart from the tuning."""

import json

from haqa_bench import tracks
from haqa_bench.report import traits
from haqa_bench.report.evidence.place import (
    Place,
)
from haqa_bench.report.evidence.recorded import pairs, roofline, tests
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tables.winners import (
    default_key,
    middle_of,
    named,
    winners_of,
)
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step
from haqa_bench.report.found.tests import REFERENCE
from haqa_bench.report.tables.best_found_columns import TESTED
from haqa_bench.report.tables.best_found_rows import CHANCE


def confirmed(place: Place) -> Evidence:
    """Each winner's pairs with the default; a default that is kept counts as 1."""
    winners = _kept(place)
    default = default_key(place)
    tuned = [w for (_, c), w in zip(winners_of(place), winners, strict=True) if c != default]
    return Evidence(middle_of(winners, "1"), besides=[pairs.better(tuned)], studies=place.ids)


def _kept(place: Place) -> list[Step]:
    default = default_key(place)
    return [
        step("count", f"{named(study, c)}; it is the default", [Reading(1, "1")], "1")
        if c == default
        else pairs.kept(place.ledger, place.key.cell, c, named(study, c))
        for study, c in winners_of(place)
    ]


def of_roofline(place: Place) -> Evidence:
    """Each winner's samples against what the device allowed just before each."""
    shares = [
        found._replace(about=named(study, configuration))
        for study, configuration in winners_of(place)
        if (found := roofline.share(place.ledger, place.cell, configuration)) is not None
    ]
    return Evidence(middle_of(shares, "%"), studies=place.ids)


def against_peer(place: Place) -> Evidence:
    """The winners' ratio to the default over the peer's."""
    ledger, cell = place.ledger, place.key.cell
    ours = middle_of(_kept(place), "1")
    theirs = pairs.ratio(ledger, cell, traits.peer(place.cell))
    return Evidence(step("quotient", "", [ours, theirs], "1"), studies=place.ids)


def test_accuracy(place: Place) -> Evidence:
    """Each winner's mean over seeds; of guessing, what its track says."""
    if place.key.method == CHANCE:
        about = "what guessing gives, by how many answers an item offers"
        return Evidence(Reading(tracks.of(place.cell).chance(place.cell), "%", about))
    found = _tested(place)
    worst, highest = (step(rule, "over studies", found, "%") for rule in ("smallest", "largest"))
    return Evidence(middle_of(found, "%"), worst, highest, studies=place.ids)


def task_accuracy(place: Place) -> Evidence:
    """Each winner's mean over seeds of the one task that the column is of."""
    name = place.column.name.removeprefix(TESTED.partition("{")[0]).partition(",")[0]
    ledger, cell = place.ledger, place.key.cell
    reference = reference_of(place)
    subjects = (
        [(reference, place.key.method)]
        if reference
        else [(c, named(study, c)) for study, c in winners_of(place)]
    )
    found = [tests.task_mean(ledger, cell, c, name, about) for c, about in subjects]
    return Evidence(middle_of(found, "%"), studies=place.ids)


def test_range(place: Place) -> Evidence:
    """The worst and the best study's winner."""
    return test_accuracy(place)._replace(number=None)


def _tested(place: Place) -> list[Step]:
    ledger, cell = place.ledger, place.key.cell
    reference = reference_of(place)
    if reference:
        return [tests.mean(ledger, cell, reference, place.key.method)]
    return [tests.mean(ledger, cell, c, named(study, c)) for study, c in winners_of(place)]


def reference_of(place: Place) -> str:
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
        (c, step("mean", named(s, c), tests.differences(ledger, cell, c, default), "points"))
        for s, c in winners_of(place)
    ]
    better = tests.better(ledger, cell, default, winners)
    errors = [
        tests.error(ledger, cell, c, default)._replace(about=f"{found.about}: error over items")
        for c, found in winners
        if found.parts
    ]
    middle = middle_of([found for _, found in winners], "points")
    return Evidence(middle, besides=[better, *errors], studies=place.ids)


def seeds(place: Place) -> list[Part]:
    """The seeds with which the first winner, or a reference, was tested."""
    winners = [c for _, c in winners_of(place)]
    configuration = reference_of(place) or (winners[0] if winners else "")
    found = tests.of(place.ledger, place.key.cell, configuration)
    return [Reading(t.seed, about=f"tested on {t.date}", where=t.where) for t in found]
