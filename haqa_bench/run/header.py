"""How a study begins: the first line of its journal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Whole
from haqa_bench.run.identity import Identity
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
    made_by: Identity,
) -> dict[str, Any]:
    """The first line of a study's journal: all that a report needs to know of it. `whole` is the
    table's, where one is replayed; `made_by` says what made its numbers.
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
        "identity": made_by.to_json(),
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


def same(path: Path, begun: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raises HaqaError for a journal that was begun by other code, or with other settings, than it
    would go on with.
    """
    for name in now.keys() & {"identity", "settings"}:
        if begun.get(name) != now[name]:
            what = "other code" if name == "identity" else "other settings"
            told = f"was begun with {what}: {_difference(begun.get(name), now[name])}"
            raise HaqaError(path, told, "Start anew with --fresh, or restore what there was")


def _difference(begun: object, now: object) -> str:
    """The first thing in which two documents differ, in words."""
    before, after = (one if isinstance(one, Mapping) else {} for one in (begun, now))
    name = next(n for n in {**before, **after} if before.get(n) != after.get(n))
    return f"{name} was {before.get(name)}, and is {after.get(name)}"
