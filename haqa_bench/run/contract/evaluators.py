"""What tracks and their evaluators promise."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from haqa_bench import plugins, tracks
from haqa_bench.cell import Cell, Workload
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Evaluator, Metric, Outcome, Whole
from haqa_bench.run.contract import Checked
from haqa_bench.run.measuring import live_evaluator


def of_track(name: str, cell: Cell | None) -> Iterator[Checked]:
    """Each rule for tracks; those of its evaluator, which measures on this machine, where a cell is
    given.
    """
    rule = "it loads, and inherits from Track"
    try:
        track = tracks.named(name)
    except HaqaError as fault:
        yield Checked(rule, str(fault))
        return
    yield Checked(rule)
    called = "" if track.name == name else f"its name is '{track.name}'"
    yield Checked("its name is that of its entry point", called)
    yield Checked("its metrics have units, and are known by their names", _metrics(track.metrics))
    form = track.workload
    bent = isinstance(form, type) and not issubclass(form, Workload)
    yield Checked("its workload is a Workload", f"it is {form!r}" if bent else "")
    if cell is not None:
        yield from _of_evaluator(cell)


def _metrics(found: Mapping[str, Metric]) -> str:
    for name, metric in found.items():
        if not isinstance(metric, Metric) or metric.name != name or not metric.unit:
            return f"{name}: {metric!r}"
    return ""


def _of_evaluator(cell: Cell) -> Iterator[Checked]:
    rule = "its evaluator measures the default as it promises"
    try:
        yield Checked(rule, _measures(live_evaluator(cell, Path()), cell))
    except (HaqaError, EvaluationFailed) as fault:
        yield Checked(rule, str(fault))


def _measures(evaluator: Evaluator, cell: Cell) -> str:
    given = dict(cell.space.default)
    path = tracks.known()[cell.track]
    with plugins.faults("evaluator failed", f"cell {cell.id}", path):
        if "\n" in evaluator.machine:
            return "its machine is no line"
        if evaluator.whole is not None and not isinstance(evaluator.whole, Whole):
            return "its whole is no Whole, nor None"
        fault = _whole(evaluator.measure(given), cell.objective.metric)
        fault = fault or _whole(evaluator.sample(given, 1), cell.objective.metric)
    changed = "it changed the configuration" if given != dict(cell.space.default) else ""
    return fault or changed


def _whole(outcome: Outcome, metric: str) -> str:
    """What an outcome lacks; empty where nothing."""
    names = [m.name for m in outcome.measurements]
    if metric not in names or len(names) != len(set(names)):
        return f"it measures {', '.join(names) or 'nothing'}, where {metric} is asked for, once"
    for found in outcome.measurements:
        if not (found.unit and math.isfinite(found.value) and found.used >= 1 and found.samples):
            return f"{found.name} lacks a unit, a finite value or samples"
    if not all(isinstance(text, str) for fact in outcome.facts.items() for text in fact):
        return "its facts are no words"
    return ""
