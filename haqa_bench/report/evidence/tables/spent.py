"""What stands behind the columns of what was spent."""

from collections.abc import Callable, Mapping

from haqa_bench.errors import Status
from haqa_bench.report.evidence.place import CELL, Declared, Place, method, studies
from haqa_bench.report.evidence.recorded.ledger import Study, Tried
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Evidence, Part, Reading

UNEVALUATED = {
    Status.INVALID: "outside the space",
    Status.CUT_OFF: "cut off",
    Status.OVER_BUDGET: "no room in the budget",
}
"""Why a proposal was no evaluation."""


def _totals(rule: str, unit: str, of: Callable[[Tried], Reading]) -> Declared:
    """The median over studies of what all trials of each come to."""

    def made(place: Place) -> Evidence:
        parts = [_study(place, study, rule, unit, of) for study in place.studies]
        return Evidence(step("median", "over studies", parts, unit), studies=place.ids)

    return made


def _study(
    place: Place, study: Study, rule: str, unit: str, of: Callable[[Tried], Reading]
) -> Part:
    parts = [
        of(trial)._replace(
            about=f"trial {trial.number}", where=place.ledger.where(study.id, trial.number)
        )
        for trial in place.ledger.trials[study.id]
    ]
    return step(rule, f"{study.method} seed {study.seed}", parts, unit)


def _proposal(trial: Tried) -> Reading:
    return Reading(trial.status)


def _evaluation(trial: Tried) -> Reading:
    if trial.repeat_of is not None:
        return Reading(trial.status, used=False, reason=f"repeats trial {trial.repeat_of}")
    used = not Status(trial.status).unevaluated
    return Reading(trial.status, used=used, reason=UNEVALUATED.get(Status(trial.status), ""))


def _amount(name: str, unit: str) -> Callable[[Tried], Reading]:
    def of(trial: Tried) -> Reading:
        amounts: Mapping[str, float | None] = {
            "seconds": trial.seconds,
            "llm_seconds": trial.llm_seconds,
            "prompt_tokens": trial.prompt_tokens,
            "completion_tokens": trial.completion_tokens,
            "dollars": trial.dollars,
        }
        return Reading(amounts[name], unit, reason="not known")

    return of


COLUMNS: Mapping[str, Declared] = {
    "cell": CELL,
    "method": method,
    "n": studies,
    "proposals": _totals("count", "", _proposal),
    "evaluations": _totals("count", "", _evaluation),
    "evaluation-s": _totals("sum", "s", _amount("seconds", "s")),
    "llm-s": _totals("sum", "s", _amount("llm_seconds", "s")),
    "tokens-in": _totals("sum", "tokens", _amount("prompt_tokens", "tokens")),
    "tokens-out": _totals("sum", "tokens", _amount("completion_tokens", "tokens")),
    "dollars": _totals("sum", "USD", _amount("dollars", "USD")),
}
