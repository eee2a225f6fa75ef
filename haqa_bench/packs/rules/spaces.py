"""Rules of what was measured: the suite's own cells, each configuration of their spaces once."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from math import prod

from haqa_bench import suite, tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.points import Point, points
from haqa_bench.packs.rules.rule import AGAIN, MEASURE, Problem, Rule
from haqa_bench.project import Project
from haqa_bench.run.elsewhere import on
from haqa_bench.run.header import fixed
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.tables import ResponseTable
from haqa_bench.trial import Source, Status

MOST = 2_000_000
"""Combinations of choices that a table's cell may have."""


def _lock(pack: Pack, _: Project) -> Iterator[Problem]:
    if pack.card is None or pack.suite is None:
        return
    if not pack.card.stripped and pack.suite.lock != pack.card.lock:
        yield Problem("suite.json", "is not the suite that was run: its lock is another", AGAIN)
    if pack.suite.name != pack.card.suite:
        yield Problem("suite.json", f"is {pack.suite.name}, not {pack.card.suite}", AGAIN)
    expected = fixed(pack.suite)
    for name, study in pack.studies.items():
        known = expected.get(name.removeprefix("journal/"))
        told = {} if known is None else {**known, "lock": pack.card.lock}
        wrong = [k for k, value in told.items() if study.head.get(k) != value]
        if known is None or wrong:
            what = f"its {wrong[0]} is another" if wrong else "no study of the suite is there"
            yield Problem(name, f"is not of the suite: {what}", AGAIN)


def _cells(pack: Pack, _: Project) -> Iterator[Problem]:
    for name in pack.recorded:
        cell = pack.cell_of(name)
        if cell is None:
            yield Problem(name, "is of no cell of the suite", AGAIN)
        elif name.startswith("results/") and name.split("/")[2] != cell.track:
            yield Problem(name, f"lies with another track than its own, {cell.track}", AGAIN)
        elif on(cell, cell.hardware).id != cell.id:
            yield Problem(name, "is of a cell whose id is not its model's and machine's", AGAIN)
        elif cell.simulated:
            yield Problem(name, "is of a cell that nothing measures", "Leave it out")
    for name, table in pack.tables.items():
        if cell := pack.cell_of(name):
            yield from _card(name, table, cell)
    for name, found in pack.confirmed.items():
        cell = pack.cell_of(name)
        if cell and (found.card.cell, found.card.workload) != (cell.id, _workload(cell.confirming)):
            yield Problem(name, "was confirmed of another cell or workload", MEASURE)


def _workload(cell: Cell) -> object:
    return cell.workload.model_dump(mode="json")


def _card(name: str, table: ResponseTable, cell: Cell) -> Iterator[Problem]:
    if not cell.space.finite:
        what = f"is a table of a space with {cell.space.endless}, which none can hold"
        yield Problem(name, what, "Leave it out")
        return
    told = table.card
    expected = {
        "cell": cell.id,
        "hardware": cell.hardware.name,
        "workload": _workload(cell),
        "choices_sha256": _choices(cell),
    }
    for key, value in expected.items():
        if told.get(key) != value:
            yield Problem(name, f"its {key} is not the suite's", MEASURE)
    if tables.IMPORTED in told or told.get("source") == Source.SIMULATED:
        yield Problem(name, "was not measured by haqa-bench", "Leave it out")


def _choices(cell: Cell) -> str:
    return sha256({name: list(p.choices) for name, p in cell.space.listable.items()})


def _space(pack: Pack, _: Project) -> Iterator[Problem]:
    for point in points(pack):
        if point.file in pack.studies and (wrong := cell_problems(point)):
            yield Problem(point.where, f"is outside its space: {wrong}", MEASURE)
    for name, table in pack.tables.items():
        if (cell := pack.cell_of(name)) and cell.space.finite:
            yield from _whole(name, table, cell)
            yield from _twice(pack, name)


def cell_problems(point: Point) -> str:
    """Why a point's configuration is none of its cell, in words; empty where it is one."""
    return next(iter(point.cell.space.problems(point.configuration)), "")


def _whole(name: str, table: ResponseTable, cell: Cell) -> Iterator[Problem]:
    if prod(p.size for p in cell.space.root.values()) > MOST:
        yield Problem(name, f"has a space of more than {MOST:,} combinations", "Make it smaller")
        return
    wanted = {key_of(configuration) for configuration in cell.space.grid()}
    if missing := sorted(wanted - table.entries.keys()):
        what = f"{len(missing)} of {len(wanted)} configurations are missing, first {missing[0]}"
        todo = "Measure them, or list those that exist as `configurations` in the suite's space"
        yield Problem(name, what, todo)
    for key in sorted(table.entries.keys() - wanted):
        yield Problem(f"{name}: {key[:200]}", "is no configuration of the space", MEASURE)


def _twice(pack: Pack, name: str) -> Iterator[Problem]:
    """A configuration that a pass of a table holds twice."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(pack.bytes(name)))
    rows = file.read(columns=["configuration", "pass"], use_threads=False).to_pylist()
    for (key, number), count in Counter((r["configuration"], r["pass"]) for r in rows).items():
        if count > 1:
            yield Problem(f"{name}: {key}", f"stands {count} times in pass {number}", MEASURE)


def _metrics(pack: Pack, _: Project) -> Iterator[Problem]:
    for point in points(pack):
        known = tracks.of(point.cell).metrics_of(point.cell.workload)
        units = {name: metric.unit for name, metric in known.items()}
        for found in point.measurements:
            if found.name not in units:
                yield Problem(point.where, f"{found.name} is no metric of the track", MEASURE)
            elif found.unit != units[found.name]:
                what = f"{found.name} is in '{found.unit}', not in '{units[found.name]}'"
                yield Problem(point.where, what, MEASURE)
        goals = [goal.metric for goal in point.cell.objective.goals]
        lacking = [goal for goal in goals if point.found(goal) is None]
        if point.status is Status.OK and lacking:
            yield Problem(point.where, f"was measured, and has no {lacking[0]}", MEASURE)


def _ours(pack: Pack, project: Project) -> Iterator[Problem]:
    """Cells that the project has on other machines with another space or workload."""
    known: dict[tuple[str, ...], list[Cell]] = {}
    for cell in _project_cells(project):
        known.setdefault(_place(cell), []).append(cell)
    for cell in {c.id: c for n in pack.recorded if (c := pack.cell_of(n))}.values():
        if _what(cell) not in map(_what, known.get(_place(cell), [cell])):
            what = "has another space or workload than the project's cell of that name"
            yield Problem(f"suite.json: {cell.id}", what, "Measure the project's suite")


def _place(cell: Cell) -> tuple[str, ...]:
    suffix = tracks.of(cell).suffix(cell.workload)
    return (cell.track, cell.model_name, cell.bit_width, suffix)


def _what(cell: Cell) -> str:
    """What is chosen from and what runs, without the words about it."""
    space = cell.space.model_dump(mode="json")
    bare = {
        name: {k: v for k, v in one.items() if k != "about"} if isinstance(one, dict) else one
        for name, one in space.items()
    }
    return json.dumps([bare, _workload(cell)], sort_keys=True)


@lru_cache(maxsize=4)
def _project_cells(project: Project) -> tuple[Cell, ...]:
    """The cells of all suites of a project that can be read."""
    found: list[Cell] = []
    for path in project.suites.values():
        try:
            found += suite.load(path, project.folder).cells
        except HaqaError:  # `haqa-bench check` tells of it
            continue
    return tuple(found)


RULES = (
    Rule("lock", "the suite and its studies are what was run", _lock),
    Rule("cells", "every file is of the cell of the suite that it names", _cells),
    Rule("space", "each configuration of the space once, none beside", _space),
    Rule("metrics", "names and units are the track's", _metrics),
    Rule("suite", "space and workload are the project's own, where it has the cell", _ours),
)
