"""Rules of samples: numbers that a machine can have given, and that were not made up."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import isclose
from statistics import median

from haqa_bench.arithmetic.estimate import QUIET, SPEEDS, estimate
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.points import Point, by_file, points
from haqa_bench.packs.rules.rule import MEASURE, Problem, Rule
from haqa_bench.project import Project
from haqa_bench.trial import Measurement, Source, Status

POSITIVE = {*SPEEDS, "GB/s", "GFLOP/s", "MB", "B"} - {"1/s"}
"""Units of what is never nothing; requests that are good enough may be none."""
MOST = 1e15
"""Of any number: 32 years in us, a million GB in bytes."""
DISTINCT = 3
"""Samples from which on they must differ: no clock gives the same three times."""
LEAST_SPREAD = 1e-6
"""Of the samples of a time, as a share of it, in half of all configurations."""
MOST_DISTURBED = 0.2
"""The share of a cell's configurations that may have no undisturbed sample."""


def _possible(pack: Pack, _: Project) -> Iterator[Problem]:
    for point in points(pack):
        for found in point.measurements:
            if what := _impossible(found):
                yield Problem(point.where, f"{found.name} is {what}", MEASURE)
        if point.status is not Status.OK and point.measurements:
            yield Problem(point.where, "could not be measured, and has numbers", MEASURE)


def _impossible(found: Measurement) -> str:
    """What is wrong with a number whatever the machine, in words; empty where nothing is."""
    low, high = min(found.samples, default=found.value), max(found.samples, default=found.value)
    if not found.samples:
        return "without samples"
    if abs(high) > MOST or abs(low) > MOST:
        return f"{max(high, -low):g} {found.unit}, beyond everything"
    if found.unit in POSITIVE and low <= 0:
        return f"{low:g} {found.unit}, and must be above 0"
    if low < 0:
        return f"{low:g} {found.unit}, and is never below 0"
    most = {"%": 100.0}.get(found.unit)
    if most is None and (found.name == "others_share" or found.name.endswith(("accuracy", "_acc"))):
        most = 1.0
    if most is not None and high > most * (1 + 1e-9):
        return f"{high:g} {found.unit}, and never above {most:g}"
    if "perplexity" in found.name and low < 1:
        return f"{low:g}, and is never below 1"
    return ""


def _recomputed(pack: Pack, _: Project) -> Iterator[Problem]:
    """Values of studies; those of tables and pairs are made of their samples when they are read."""
    for point in points(pack):
        for found in point.measurements:
            if found.source is Source.MEASURED and found.samples:
                value = estimate(found.samples, found.unit, point.others).value
                if not isclose(value, found.value, rel_tol=1e-9, abs_tol=1e-12):
                    what = f"{found.name} is {found.value:g}, and its samples give {value:g}"
                    yield Problem(point.where, what, MEASURE)
                if not 0 < found.used <= len(found.samples):
                    what = f"{found.name} is of {found.used} samples of {len(found.samples)}"
                    yield Problem(point.where, what, MEASURE)


def _varies(pack: Pack, _: Project) -> Iterator[Problem]:
    for name, found in by_file(points(pack)).items():
        timed = [m for point in found if (m := _objective(point))]
        for point in found:
            told = _objective(point)
            if told and len(told.samples) >= DISTINCT and len(set(told.samples)) == 1:
                what = f"{len(told.samples)} samples are all {told.value:g} {told.unit}"
                yield Problem(point.where, f"{what}: no clock gives that", MEASURE)
        spread = [_spread(m.samples) for m in timed if len(m.samples) >= DISTINCT]
        if spread and median(spread) < LEAST_SPREAD:
            what = f"samples of half of all configurations lie within {LEAST_SPREAD:g} of another"
            yield Problem(name, what, MEASURE)
        yield from _copied(found)


def _objective(point: Point) -> Measurement | None:
    """The metric that is tuned, where it is a time or a rate, and more than nothing."""
    found = point.found(point.cell.objective.metric)
    return found if found and found.unit in SPEEDS and any(found.samples) else None


def _spread(samples: Sequence[float]) -> float:
    middle = median(samples)
    return (max(samples) - min(samples)) / middle if middle > 0 else 0.0


def _copied(found: Sequence[Point]) -> Iterator[Problem]:
    """Configurations whose samples are another's, digit for digit."""
    same: dict[tuple[float, ...], list[Point]] = defaultdict(list)
    for point in found:
        told = _objective(point)
        if told and len(told.samples) >= DISTINCT:
            same[tuple(sorted(told.samples))].append(point)
    for group in same.values():
        if len(group) > 1:
            yield Problem(group[1].where, f"has the very samples of {group[0].key}", MEASURE)


def _undisturbed(pack: Pack, _: Project) -> Iterator[Problem]:
    for name, found in by_file(points(pack)).items():
        told = [point for point in found if point.others and _objective(point)]
        loud = [point for point in told if min(point.others) > QUIET]
        if len(loud) > MOST_DISTURBED * len(told):
            what = (
                f"others took more than {QUIET:.0%} of the machine in every sample of "
                f"{len(loud)} of {len(told)} configurations"
            )
            yield Problem(name, what, "Measure again while nothing else runs")
    for name, pairs in pack.confirmed.items():
        shares = [line.others for line in pairs.lines if line.kind == "pair" and not line.failed]
        disturbed = sum(share > QUIET for share in shares)
        if disturbed > 0.5 * len(shares):
            what = f"{disturbed} of {len(shares)} pairs were disturbed"
            yield Problem(name, what, "Measure again while nothing else runs")


RULES = (
    Rule("numbers", "finite, positive, within what they can be", _possible),
    Rule("values", "every value is what its samples give", _recomputed),
    Rule("spread", "samples differ, as those of a clock do", _varies),
    Rule("undisturbed", "others left the machine alone", _undisturbed),
)
