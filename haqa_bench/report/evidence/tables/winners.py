"""The best configurations of a row's studies."""

import json
from collections.abc import Sequence

from haqa_bench.parameters.code import shown_of_key
from haqa_bench.report.evidence.place import (
    Place,
)
from haqa_bench.report.evidence.recorded import trials
from haqa_bench.report.evidence.recorded.ledger import Study, Tried, key
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Part, Step


def tried(place: Place) -> list[tuple[Study, Tried]]:
    """The studies that found anything feasible, with their best trials."""
    found = [(s, trials.best_trial(place.ledger, s)) for s in place.studies]
    return [(study, trial) for study, trial in found if trial is not None]


def winners_of(place: Place) -> list[tuple[Study, str]]:
    """The same, with their best configurations."""
    return [(study, key(trial.configuration)) for study, trial in tried(place)]


def named(study: Study, configuration: str) -> str:
    """A winner in words."""
    chosen = {name: shown_of_key(value) for name, value in json.loads(configuration).items()}
    settings = ", ".join(f"{name} {value}" for name, value in chosen.items())
    return f"{study.method} seed {study.seed}, its winner: {settings}"


def default_key(place: Place) -> str:
    """The default's configuration."""
    return key(place.ledger.trials[place.studies[0].id][0].configuration)


def middle_of(parts: Sequence[Part], unit: str) -> Step:
    """The median over studies."""
    return step("median", "over studies", parts, unit)


def smaller(place: Place) -> bool:
    """Whether smaller is better."""
    return place.cell.objective.direction == "minimize"
