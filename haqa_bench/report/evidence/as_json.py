"""Evidence as JSON takes it."""

from math import inf

from haqa_bench.documents import JsonObject
from haqa_bench.report.evidence.rules import RULES
from haqa_bench.report.evidence.tree import Evidence, Known, Part, Reading, Step, within


def tree(part: Part) -> JsonObject:
    """A step with its parts, or a reading; without what is empty."""
    if isinstance(part, Reading):
        told = {**part._asdict(), "value": None, "used": None if part.used else False}
        return {"value": _value(part)} | {k: v for k, v in told.items() if v not in ("", None)}
    named = {"about": part.about, "unit": part.unit, "where": part.where}
    return {
        "rule": part.rule,
        "value": _value(part),
        **{name: said for name, said in named.items() if said},
        "parts": [tree(below) for below in part.parts],
    }


def _value(part: Part) -> Known | None:
    """JSON has no number for what is infinite."""
    return "infinite" if part.value == inf else part.value


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
