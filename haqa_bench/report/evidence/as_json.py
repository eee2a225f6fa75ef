"""Evidence as JSON takes it."""

from haqa_bench.documents import JsonObject
from haqa_bench.report.evidence.rules import RULES
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step, within


def tree(part: Part) -> JsonObject:
    """A step with its parts, or a reading; without what is empty."""
    if isinstance(part, Reading):
        told = {**part._asdict(), "used": None if part.used else False}
        return {"value": part.value} | {k: v for k, v in told.items() if v not in ("", None)}
    named = {"about": part.about, "unit": part.unit, "where": part.where}
    return {
        "rule": part.rule,
        "value": part.value,
        **{name: said for name, said in named.items() if said},
        "parts": [tree(below) for below in part.parts],
    }


def evidence(found: Evidence) -> JsonObject:
    """All trees of a number, by what they are of."""
    named = {"number": found.number, "low": found.low, "high": found.high}
    return {
        **{name: tree(part) for name, part in named.items() if part is not None},
        "besides": [tree(part) for part in found.besides],
    }


def rules(found: Evidence) -> dict[str, str]:
    """The sentences of the rules by which it was reckoned."""
    steps = [p for part in found.parts for p in within(part) if isinstance(p, Step)]
    return {step.rule: RULES[step.rule].sentence for step in steps}
