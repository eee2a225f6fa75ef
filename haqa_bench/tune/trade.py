"""What was found beside the recommendation: what is faster or smaller, what it costs in quality,
and the option that would allow it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.project import Run
from haqa_bench.report import statistics
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.facts import read_ends
from haqa_bench.tune import kept
from haqa_bench.tune.kept import Limit

NOTHING = "nothing: too much is lost"
"""Stands for an option where none would allow it."""
MOST = 8
"""Lines of a front that are shown."""
DECIDES = ("format", "type_k", "type_v", "speculation")
"""What decides quality and most of the memory: of all that share them, the fastest stands."""
ROUNDS = ("format", "type_k", "type_v")
"""What alone decides quality."""
QUALITY = ("kl_divergence", "same_first_token", "perplexity")
MEMORY, ON_DEVICES = "peak_memory_mb", "peak_device_memory_mb"
ENERGY, ACCEPTED = "energy_j_per_token", "drafted_accepted"
TOLD = (*QUALITY, "bits_per_weight", ENERGY, ACCEPTED)
"""Metrics that a line tells of beside speed and memory, where they were measured."""


class Trade(NamedTuple):
    """A configuration that was measured, as the query has it: texts in JSON."""

    number: int
    configuration: str
    value: float
    score: float
    feasible: bool
    facts: str
    metrics: str


class Line(NamedTuple):
    """A way to run the model. `gain` is how many times as good as the default it is when found,
    None where either is 0; `option` is what would allow it, empty where it is allowed.
    """

    configuration: Configuration
    value: float
    gain: float | None
    memory_mb: float | None
    device_memory_mb: float | None
    quality: JsonObject
    option: str
    is_default: bool
    is_chosen: bool

    @property
    def kept(self) -> bool:
        """Whether it stands on every front."""
        return self.is_default or self.is_chosen


class _Point(NamedTuple):
    """A configuration with its metrics and facts."""

    trade: Trade
    configuration: Configuration
    metrics: Mapping[str, float]
    facts: Mapping[str, str]

    @property
    def good(self) -> tuple[float, ...]:
        """What it is good at, the larger the better: speed, memory of host and devices, quality."""
        found = self.metrics
        lost = found.get("kl_divergence", found.get("perplexity", 0.0))
        return (self.trade.score, *(-found.get(name, 0.0) for name in (MEMORY, ON_DEVICES)), -lost)


def front(run: Run, cell: Cell, limits: Sequence[Limit], chosen: Configuration) -> list[Line]:
    """At most MOST lines, the fastest first: what nothing else beats in speed, memory and quality
    at once, the default, and what is recommended. What nobody judged the quality of is left out.
    """
    rows = _judged([_point(row) for row in run.rows("trade", Trade)])
    if not rows:
        return []
    default = rows[0]
    own = {key_of(default.configuration), key_of(chosen)}
    found = [p for p in rows if key_of(p.configuration) in own]
    found += [p for p in _fastest(_known(rows, limits)) if p not in found]
    points = [p for p in found if p in found[: len(own)] or not _beaten(p, found)]
    ordered = sorted(points, key=lambda p: -p.trade.score)
    return _fewer([_line(p, default, limits, chosen) for p in ordered])


def _point(row: Trade) -> _Point:
    metrics = {name: float(value) for name, value in json.loads(row.metrics).items()}
    return _Point(row, json.loads(row.configuration), metrics, json.loads(row.facts or "{}"))


def _judged(points: Sequence[_Point]) -> list[_Point]:
    """Points whose own quality was not asked for, since they were hopeless, have that of another
    with the same format and cache formats.
    """
    known = {_rounded(p): p for p in reversed(points) if p.metrics.keys() & {*QUALITY}}
    return [_with_quality(p, known.get(_rounded(p), p)) for p in points]


def _rounded(point: _Point) -> tuple[object, ...]:
    return tuple(point.configuration.get(name) for name in ROUNDS)


def _with_quality(point: _Point, judged: _Point) -> _Point:
    quality = {name: judged.metrics[name] for name in QUALITY if name in judged.metrics}
    return point._replace(
        metrics={**quality, **point.metrics}, facts={**dict(told_95(judged.facts)), **point.facts}
    )


def _known(points: Sequence[_Point], limits: Sequence[Limit]) -> Sequence[_Point]:
    """Those that the limits can be held against; all where none of them can."""
    asked = {limit.constraint.metric for limit in limits}
    return [p for p in points if asked <= p.metrics.keys()] or points


def _fastest(rows: Sequence[_Point]) -> list[_Point]:
    best: dict[tuple[object, ...], _Point] = {}
    for point in rows:
        key = tuple(point.configuration.get(name) for name in DECIDES)
        if key not in best or point.good[0] > best[key].good[0]:
            best[key] = point
    return list(best.values())


def _beaten(point: _Point, others: Sequence[_Point]) -> bool:
    """Whether another is as good in everything, and better in something."""
    return any(
        all(a >= b for a, b in zip(other.good, point.good, strict=True))
        and other.good != point.good
        for other in others
    )


def _line(point: _Point, default: _Point, limits: Sequence[Limit], chosen: Configuration) -> Line:
    direction = "minimize" if point.trade.score < 0 else "maximize"
    gain = statistics.times_better(point.trade.value, default.trade.value, direction)
    quality: JsonObject = {name: point.metrics[name] for name in TOLD if name in point.metrics}
    quality |= {name: read_ends(text) for name, text in told_95(point.facts)}
    return Line(
        configuration=point.configuration,
        value=point.trade.value,
        gain=gain,
        memory_mb=point.metrics.get(MEMORY),
        device_memory_mb=point.metrics.get(ON_DEVICES),
        quality=quality,
        option=_option(point, default, limits),
        is_default=point is default,
        is_chosen=key_of(point.configuration) == key_of(chosen),
    )


def told_95(found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The facts of a trial that are 95 % intervals."""
    return ((name, text) for name, text in found.items() if name.endswith("_95"))


def _option(point: _Point, default: _Point, limits: Sequence[Limit]) -> str:
    """What would allow a configuration: the limits that it breaks, as wide as it needs them."""
    words, broken = [], False
    for limit in limits:
        metric = limit.constraint.metric
        if metric not in point.metrics or metric not in default.metrics:
            continue
        value, own = point.metrics[metric], default.metrics[metric]
        over = (limit.constraint.over(value, own) or 0.0) > 0
        broken = broken or over
        needed = kept.allowing(limit.name, value, own) if over else limit
        if not needed.possible:
            return NOTHING
        words.append(needed.words)
    return f"{kept.OPTION} {','.join(words)}" if broken else ""


def _fewer(lines: list[Line]) -> list[Line]:
    """Without those that stand closest to a neighbour, until there are no more than MOST."""
    while len(lines) > MOST:
        spare = [i for i, line in enumerate(lines) if not line.kept and 0 < i < len(lines) - 1]
        if not spare:
            return lines[:MOST]
        closest = min(spare, key=lambda i: abs(lines[i - 1].value - lines[i + 1].value))
        lines = [line for i, line in enumerate(lines) if i != closest]
    return lines
