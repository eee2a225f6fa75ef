"""The versions of a source in a study, each as a diff against the one that it came from: the best
measured before it.
"""

import difflib
import json
from collections.abc import Sequence
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.parameters.code import AS_IT_COMES, shown
from haqa_bench.study import Study


class Version(NamedTuple):
    """A trial: its configuration in JSON, its value, and whether it counts."""

    configuration: str
    value: float | None
    feasible: bool


def diffs(study: Study, rounds: Sequence[Version]) -> list[str]:
    """The diff of each trial's source; empty where it is as it comes, or was tried before."""
    code, original = study.cell.space.code, tracks.of(study.cell).source(study.cell.workload)
    if code is None or original is None:
        return [""] * len(rounds)
    sign = -1 if study.cell.objective.direction == "minimize" else 1
    best: tuple[float, str] | None = None
    seen, found = {AS_IT_COMES}, list[str]()
    for one in rounds:
        source = str((json.loads(one.configuration) or {}).get(code, AS_IT_COMES))
        origin = best[1] if best else AS_IT_COMES
        found.append("" if source in seen else _diff(origin, source, original))
        seen.add(source)
        score = None if one.value is None or not one.feasible else sign * one.value
        if score is not None and (best is None or score > best[0]):
            best = score, source
    return found


def _diff(before: str, after: str, original: str) -> str:
    texts = [(one or original).splitlines() for one in (before, after)]
    names = [str(shown(one)) or "as it comes" for one in (before, after)]
    return "\n".join(difflib.unified_diff(texts[0], texts[1], names[0], names[1], lineterm=""))
