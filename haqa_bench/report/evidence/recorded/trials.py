"""What a study found: its trials, and the samples from which each one's value was estimated."""

import json
from collections.abc import Sequence

from haqa_bench.arithmetic.estimate import QUIET, RATES, SPEEDS
from haqa_bench.parameters import code
from haqa_bench.report import traits
from haqa_bench.report.evidence.recorded.ledger import Ledger, Measured, Study, Tried
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Part, Reading
from haqa_bench.report.found.stated import OPTIMIZER

OTHERS = "others_share"


def estimated(unit: str) -> str:
    """The rule by which a value of this unit is estimated from its samples."""
    if unit not in SPEEDS:
        return "median"
    return "upper quartile" if unit in RATES else "lower quartile"


def samples(
    taken: Sequence[float], unit: str, others: Sequence[float] = (), source: str = ""
) -> list[Part]:
    """A reading for each sample; of speeds, disturbed ones are left out as long as others are
    left.
    """
    known = unit in SPEEDS and len(others) == len(taken) and any(o <= QUIET for o in others)
    shares = others if known else [0.0] * len(taken)
    return [
        Reading(
            sample,
            unit,
            f"sample {number}",
            used=share <= QUIET,
            reason=""
            if share <= QUIET
            else f"others took {100 * share:.1f} % of the machine, more than {100 * QUIET:g} %",
            source=source,
        )
        for number, (sample, share) in enumerate(zip(taken, shares, strict=True), 1)
    ]


def value(ledger: Ledger, study: Study, trial: Tried, metric: str = "") -> Part:
    """What a trial's value was estimated from; of the study's objective, if of nothing else."""
    measured = ledger.measured.get((trial.study, trial.number), {})
    found = measured.get(metric or study.metric)
    about, where = named(study, trial), ledger.where(trial.study, trial.number)
    if found is None:
        reason = trial.status.replace("_", " ") + (f": {trial.reason}" if trial.reason else "")
        return Reading(None, study.unit, about, where, False, reason)
    others = measured.get(OTHERS)
    parts = samples(found.samples, found.unit, others.samples if others else (), found.source)
    return step(_rule(ledger, study, found), about, parts, found.unit, where)


def _rule(ledger: Ledger, study: Study, found: Measured) -> str:
    """Of choices under limits, each sample is one choice, right or wrong."""
    decides = traits.limits(ledger.run.cells[study.cell]) is not None
    return "share of hits" if decides else estimated(found.unit)


def named(study: Study, trial: Tried) -> str:
    """A trial in words: method, seed, number, and what it set."""
    settings = code.named(json.loads(trial.configuration) or {})
    set_to = ", ".join(f"{name} {chosen}" for name, chosen in settings.items())
    return f"{study.method} seed {study.seed}, trial {trial.number}: {set_to or 'no configuration'}"


def best(ledger: Ledger, study: Study) -> Part | None:
    """The best feasible trial of a study, with the others beside it, the best first; None where
    none is.
    """
    winner = best_trial(ledger, study)
    if winner is None:
        return None
    rest = [t for t in judged(ledger, study) if t is not winner]
    rest.sort(key=lambda t: (not t.feasible, -(t.score if t.score is not None else -1e300)))
    others: list[Part] = [_beside(ledger, study, trial) for trial in rest]
    rule = "largest" if study.direction == "maximize" else "smallest"
    parts = [value(ledger, study, winner), *others]
    return step(rule, f"{study.method} seed {study.seed}, its best trial", parts, study.unit)


def best_trial(ledger: Ledger, study: Study) -> Tried | None:
    """The best feasible trial; the earliest among equals."""
    feasible = [t for t in judged(ledger, study) if t.feasible and t.score is not None]
    return max(feasible, key=lambda t: (t.score or 0.0, -t.number), default=None)


def judged(ledger: Ledger, study: Study) -> Sequence[Tried]:
    """The trials that a study is judged by, as the view judged_trials has them."""
    every = ledger.trials[study.id]
    stated = [t for t in every if t.number > 0] if study.optimizer == OPTIMIZER else []
    return stated or every


def _beside(ledger: Ledger, study: Study, trial: Tried) -> Reading:
    """A trial that is not its study's best, without its samples."""
    found = ledger.measured.get((trial.study, trial.number), {}).get(study.metric)
    broken = trial.status.replace("_", " ") if found is None else "breaks a constraint"
    reason = "" if trial.feasible else f"{broken} {trial.reason}".strip()
    return Reading(
        found.value if found else None,
        study.unit,
        f"trial {trial.number}",
        ledger.where(trial.study, trial.number),
        trial.feasible,
        reason,
        found.source if found else "",
    )


def default(ledger: Ledger, study: Study) -> Part:
    """Trial 0 of a study: the default."""
    return value(ledger, study, ledger.trials[study.id][0])


def bests(ledger: Ledger, studies: Sequence[Study]) -> list[Part]:
    """The best of each study that found anything feasible."""
    return [found for study in studies if (found := best(ledger, study)) is not None]
