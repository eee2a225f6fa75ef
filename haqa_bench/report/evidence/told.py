"""Evidence as it is read: a line a step, indented below what it is a part of."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from haqa_bench.report.evidence.tree import Evidence, Known, Part, Reading, Step, used

SHOWN = 8
"""How many readings, and how many steps, of one step are printed."""
LONG = 40
"""Characters of a reading's words that are printed."""
MORE = "more (--json has all)"


class Line(NamedTuple):
    """Words, and how deep they stand."""

    depth: int
    words: str


def lines(found: Evidence) -> list[str]:
    """All trees of a number."""
    known: set[str] = set()
    named = (("", found.number), ("low: ", found.low), ("high: ", found.high))
    told = [(name, part) for name, part in named if part is not None]
    told += [("", part) for part in found.besides]
    return [
        f"{'  ' * line.depth}{'' if line.depth else name}{line.words}"
        for name, part in told
        for line in _part(part, known)
    ]


def _part(part: Part, known: set[str]) -> Iterator[Line]:
    """A part's lines; what was told before is only named."""
    if isinstance(part, Reading):
        yield Line(0, _alone(part))
        return
    head = _head(part)
    steps = [p for p in part.parts if isinstance(p, Step)]
    told = {_head(p) for p in steps}
    if head in known or (told and told <= known):
        yield Line(0, f"{head} (from the same parts as above)")
        return
    known.add(head)
    readings = list(_readings([p for p in part.parts if isinstance(p, Reading)]))
    if not steps and len(readings) == 1:
        yield Line(0, f"{head}: {readings[0]}")
        return
    yield Line(0, head)
    yield from _below(steps, known)
    yield from (Line(1, words) for words in readings)


def _below(steps: Sequence[Step], known: set[str]) -> Iterator[Line]:
    for step in steps[:SHOWN]:
        for line in _part(step, known):
            yield Line(line.depth + 1, line.words)
    if len(steps) > SHOWN:
        known.update(map(_head, steps))
        yield Line(1, f"and {len(steps) - SHOWN} {MORE}")


def _head(part: Step) -> str:
    """What it is, its value, the rule, and of how many parts."""
    groups = sum(isinstance(p, Step) and p.rule == "group" for p in part.parts)
    kept, every = len(used(part.parts)) + groups, len(part.parts)
    of = f"{kept} of {every}" if kept < every else f"{every}"
    value = f"{_measure(part.value, part.unit)}, the {part.rule} of {of}"
    what = [part.about] if part.rule == "group" else [part.about, value]
    return ": ".join(filter(None, what)) + (f" [{part.where}]" if part.where else "")


def _measure(value: Known | None, unit: str) -> str:
    return f"{said(value)} {'' if unit == '1' else unit}".strip()


def _alone(part: Reading) -> str:
    what = ": ".join(filter(None, (part.about, _measure(part.value, part.unit))))
    left_out = "" if part.used else f" (left out: {part.reason})"
    return what + left_out + (f" [{part.where}]" if part.where else "")


def _readings(parts: Sequence[Reading]) -> Iterator[str]:
    """Those that count on one line, and on others those that were left out, by their reasons."""
    kept = [p for p in parts if p.used and p.value is not None]
    if kept:
        yield _listed(kept)
    reasons: dict[str, list[Reading]] = {}
    for part in parts:
        if part not in kept:
            reasons.setdefault(part.reason or "not known", []).append(part)
    for reason, of in list(reasons.items())[:SHOWN]:
        yield f"left out, {reason}: {_listed(of)}"
    if len(reasons) > SHOWN:
        yield f"left out for {len(reasons) - SHOWN} {MORE}"


def _listed(parts: Sequence[Reading]) -> str:
    if len(parts) == 1 and parts[0].used:
        return _alone(parts[0])
    units = {part.unit for part in parts}
    unit = units.pop() if len(units) == 1 else ""
    shown = ", ".join(_short(part) for part in parts[:SHOWN])
    more = f" and {len(parts) - SHOWN} {MORE}" if len(parts) > SHOWN else ""
    return f"{shown}{more} {'' if unit == '1' else unit}".strip()


def _short(part: Reading) -> str:
    """Samples go without a name."""
    if part.about.startswith("sample ") or not part.about:
        return said(part.value)
    return f"{part.about}: {said(part.value)}" if part.value is not None else part.about


def said(found: Known | None) -> str:
    """A number in six digits, or words."""
    if found is None:
        return "none"
    if isinstance(found, str):
        return found if len(found) <= LONG else f"{found[:LONG]}... ({len(found)} characters)"
    return f"{found:.6g}"
