"""How a study begins: the first line of its journal."""

from collections.abc import Mapping
from typing import Any

from haqa_bench.protocols import Whole
from haqa_bench.space import Scalar
from haqa_bench.store.database import FORMAT
from haqa_bench.study import Study
from haqa_bench.suite import Suite


def header(
    study: Study,
    lock: str,
    answered_by: str,
    whole: Whole | None,
    settings: Mapping[str, Scalar],
    machine: str,
) -> dict[str, Any]:
    """The first line of a study's journal: all that a report needs to know of it. `whole` is the
    table's, where one is replayed.
    """
    return {
        "kind": "study",
        "format": FORMAT,
        **_fixed(study, lock),
        "answered_by": answered_by,
        "settings": dict(settings),
        "machine": machine,
        "optimum": whole.optimum if whole else None,
        "front": {"points": whole.front, "worst": whole.worst} if whole and whole.front else None,
        "samples": dict(whole.samples) if whole else {},
    }


def fixed(suite: Suite) -> dict[str, dict[str, Any]]:
    """What the first line of each study's journal must say, by the journal's path from journal/."""
    return {
        f"{study.cell.id}/{study.file.name}": _fixed(study, suite.lock) for study in suite.studies()
    }


def _fixed(study: Study, lock: str) -> dict[str, Any]:
    return {
        "id": study.id,
        "suite": study.suite,
        "cell": study.cell.id,
        "track": study.cell.track,
        "model": study.cell.model_name,
        "bit_width": study.cell.bit_width,
        "hardware": study.cell.hardware.name,
        "method": study.method.name,
        "optimizer": study.method.optimizer,
        "seed": study.seed,
        "objective": study.cell.objective.model_dump(mode="json"),
        "lock": lock,
    }
