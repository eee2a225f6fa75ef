"""The same cells on several machines: what each machine's response table says, and what one
machine's winner is worth on another.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from statistics import median
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.arithmetic.estimate import QUIET, Interval
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.hardware import profiles
from haqa_bench.project import Project
from haqa_bench.report import statistics
from haqa_bench.space import key_of
from haqa_bench.store import confirmed, tables
from haqa_bench.store.confirmed import Pair
from haqa_bench.store.tables import ResponseTable
from haqa_bench.tracks.replayed import feasible
from haqa_bench.trial import Source, Trial


class Again(NamedTuple):
    """A configuration in pairs with the default: how many times as good it is (above 1 is better),
    over `pairs` pairs, none of them disturbed where there are such; infinite where the default is
    0.
    """

    ratio: float
    interval: Interval | None
    pairs: int


class OnMachine:
    """A cell on one machine, by its response table."""

    def __init__(self, cell: Cell, table: ResponseTable, pairs: Sequence[Pair]) -> None:
        self.cell, self.table, self._pairs = cell, table, pairs
        self.counted = {t.key: t for t in feasible(table, cell) if t.key is not None}

    @property
    def default(self) -> str:
        """The key of the default."""
        return key_of(self.cell.space.default)

    @cached_property
    def order(self) -> Sequence[str]:
        """The keys of what was measured and breaks no constraint, the best first."""
        score = self.cell.objective.score
        return sorted(self.counted, key=lambda key: (-(score(self.counted[key]) or 0.0), key))

    def value(self, key: str) -> float | None:
        """A configuration's value in the objective's unit; None where it does not count."""
        trial: Trial | None = self.counted.get(key)
        return trial.value(self.cell.objective.metric) if trial else None

    def samples(self, key: str) -> int:
        """How many samples a value was estimated from."""
        metric, trial = self.cell.objective.metric, self.counted.get(key)
        return next((m.used for m in trial.measurements if m.name == metric), 0) if trial else 0

    def confirmed(self, key: str) -> Again | None:
        """What a configuration is worth in pairs with the default; None where none were taken."""
        taken = [p for p in self._pairs if p.configuration == key and not p.failed]
        kept = [p for p in taken if p.others <= QUIET] or taken
        sides = [_sides(p) for p in kept]
        if self._direction == "minimize":
            sides = [(default, tuned) for tuned, default in sides]
        ratios = [r for both in sides if (r := statistics.of_pair(*both)) is not None]
        if not ratios:
            return None
        middle = median(ratios)
        return Again(middle, statistics.median_interval(ratios), len(ratios))

    @property
    def _direction(self) -> str | None:
        return self.cell.objective.direction

    @property
    def source(self) -> str:
        """Where its numbers are from, in words."""
        told = self.table.card
        days = " to ".join(dict.fromkeys(map(str, told.get("measured", ())))) or "unknown day"
        given = told.get("contributed")
        who = f", contributed by {given['contributor']}, {given['licence']}" if given else ""
        kind = "imported" if self._imported else "measured"
        return f"{kind} {days}{who}"

    @property
    def _imported(self) -> bool:
        return any(
            m.source is Source.IMPORTED for e in self.table.entries.values() for m in e.measurements
        )


def _sides(pair: Pair) -> tuple[float, float]:
    return pair.tuned or 0.0, pair.default or 0.0


def machines(cells: Iterable[Cell], project: Project) -> list[list[OnMachine]]:
    """Each of some cells on every machine that the project has a table of, those alone that are on
    two or more; the cell's own machine first.

    Raises:
        HaqaError: a table is damaged.
    """
    from haqa_bench.run.elsewhere import on

    devices = sorted(profiles(project.hardware), key=lambda device: device.name)
    groups: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        if cell.simulated or not tracks.of(cell).swept:
            continue
        bare = on(cell, cell.hardware.model_copy(update={"name": "_"})).id
        for there in (cell, *(on(cell, device) for device in devices)):
            groups[bare].setdefault(there.id, there)
    found = [
        [one for cell in of.values() if (one := _read(cell, project))] for of in groups.values()
    ]
    return [group for group in found if len(group) > 1]


def _read(cell: Cell, project: Project) -> OnMachine | None:
    """A cell on its machine, where it has a table of that very space and workload."""
    path = project.table(cell)
    if not path.is_file():
        return None
    table = tables.read(path)
    try:
        tables.check(table, cell)
    except HaqaError:  # another space or workload: nothing to set beside it
        return None
    pairs = project.confirmed(cell)
    lines = confirmed.read(pairs).lines if pairs.is_file() else ()
    made = OnMachine(cell, table, [_keyed(line) for line in lines if line.kind == "pair"])
    return made if made.default in made.counted else None


def _keyed(pair: Pair) -> Pair:
    """With the key of its configuration, whatever the order in which that is written."""
    return pair.model_copy(update={"configuration": key_of(json.loads(pair.configuration))})


class Transfer(NamedTuple):
    """The winner of one machine on another: its value there, its place among all, and both
    machines' own.
    """

    winner_of: OnMachine
    on: OnMachine
    key: str
    value: float | None
    rank: int | None


def transfers(group: Sequence[OnMachine]) -> list[Transfer]:
    """Each machine's winner on each other machine of a group."""
    return [
        Transfer(one, other, one.order[0], other.value(one.order[0]), _rank(other, one.order[0]))
        for one in group
        for other in group
        if one is not other
    ]


def _rank(machine: OnMachine, key: str) -> int | None:
    """1 for the best; equal values share the better place."""
    value = machine.value(key)
    if value is None:
        return None
    values: Mapping[str, float | None] = {k: machine.value(k) for k in machine.order}
    return 1 + next(i for i, k in enumerate(machine.order) if values[k] == value)
