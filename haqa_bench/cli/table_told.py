"""What was imported, for somebody who knows the file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.documents import JsonObject
    from haqa_bench.errors import Status
    from haqa_bench.tracks.replayed import TableEvaluator


class Told(NamedTuple):
    """Where a table came from, the combinations of all choices, and what failed."""

    file: Path
    form: str
    sha256: str
    combinations: int
    failures: "Mapping[Status, int]"

    def as_json(self, cell: "Cell", table: Path, suite: Path, command: str) -> "JsonObject":
        """All of it, for a script."""
        evaluator = _evaluator(cell, table)
        return {
            "suite": str(suite),
            "table": str(table),
            "cell": cell.id,
            "imported": self.file.name,
            "imported_sha256": self.sha256,
            "form": self.form,
            "configurations": len(evaluator.table.entries),
            "combinations": self.combinations,
            "failures": {status.value: count for status, count in sorted(self.failures.items())},
            "default": dict(cell.space.default),
            "metrics": [one._asdict() for one in _found(cell, evaluator)],
            "next": command,
        }


class Found(NamedTuple):
    """A goal: what the default gives, and the best that a configuration does, in its unit."""

    metric: str
    unit: str
    default: float | None
    best: float | None


def told(said: Told, cell: "Cell", table: Path, notes: Sequence[str]) -> Iterator[str]:
    """A table that was written, in lines."""
    evaluator = _evaluator(cell, table)
    count, failed = len(evaluator.table.entries), sum(said.failures.values())
    kinds = ", ".join(f"{n} {status}" for status, n in sorted(said.failures.items()))
    holes = f" of {said.combinations:,} combinations" if said.combinations > count else ""
    yield str(table)
    yield f"  imported from {said.file.name}, {said.form} (sha256 {said.sha256})"
    yield f"  {count:,} configurations{holes}, {failed:,} failed{': ' * bool(kinds)}{kinds}"
    yield from (f"  {note}" for note in notes)
    for one in _found(cell, evaluator):
        default = "failed" if one.default is None else f"{one.default:g}"
        best = "unknown" if one.best is None else f"{one.best:g}"
        yield f"  {one.metric}: default {default}, best {best} {one.unit}"


def _evaluator(cell: "Cell", table: Path) -> "TableEvaluator":
    from haqa_bench.store import tables
    from haqa_bench.tracks.replayed import TableEvaluator

    return TableEvaluator(tables.read(table), cell)


def _found(cell: "Cell", evaluator: "TableEvaluator") -> list[Found]:
    from haqa_bench.space import key_of

    default = evaluator.table.entries[key_of(cell.space.default)].measurements
    known = {m.name: m.value for m in default}
    best = evaluator.whole.optimum if evaluator.whole else None
    first, *others = cell.objective.goals
    return [
        Found(first.metric, first.unit, known.get(first.metric), best),
        *(Found(goal.metric, goal.unit, known.get(goal.metric), None) for goal in others),
    ]
