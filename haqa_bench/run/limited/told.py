"""What a sweep that ended by its time leaves out, and how far its default varies."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from haqa_bench.documents import JsonObject
from haqa_bench.run.limited.order import Passes, again, missing, ordered
from haqa_bench.run.sweep import CUT, Sweep
from haqa_bench.space import key_of
from haqa_bench.trial import Goal

FEW = 5
"""Passes of the default of which fewer say nothing of the noise."""


class Left(NamedTuple):
    """What is missing of a cell: `configurations` were measured, `of` how many; `passes` are whole,
    `wanted` how many; so many `measurements` are to be taken; what was ended because the time was
    over is `cut_off`, and was not measured since.
    """

    cell: str
    configurations: int
    of: int
    passes: int
    wanted: int
    measurements: int
    cut_off: Sequence[str]

    def words(self) -> str:
        """For people, in a line."""
        cut = f"; cut off by the time: {', '.join(self.cut_off)}" if self.cut_off else ""
        return (
            f"{self.cell}: {self.configurations} of {self.of} configurations measured, "
            f"{self.passes} of {self.wanted} passes whole; left out: {self.measurements} "
            f"measurements{cut}"
        )


class Floor(NamedTuple):
    """How far the default varies by itself: the middle value of all `passes`, the least and the
    most, of a cell's objective.
    """

    cell: str
    passes: int
    metric: str
    unit: str
    middle: float
    least: float
    most: float

    def words(self) -> str:
        """For people, in a line."""
        return (
            f"{self.cell}: noise floor: {self.passes} passes of the default, {self.metric} "
            f"{self.middle:.4g} {self.unit}, from {self.least:.4g} to {self.most:.4g}"
        )


def whole(one: Sweep, passes: Passes) -> bool:
    """Whether nothing is missing of a cell."""
    return not _missing(one, passes)


def left_out(one: Sweep, passes: Passes) -> Left:
    """What is missing of a cell."""
    counts = Counter(row["configuration"] for row in one.rows)
    size = one.cell.space.size
    cut = {e["configuration"] for e in one.journal.entries[1:] if CUT in e} - counts.keys()
    passed = min(counts.values()) if len(counts) == size else 0
    return Left(
        cell=one.cell.id,
        configurations=len(counts),
        of=size,
        passes=min(passed, passes.each),
        wanted=passes.each,
        measurements=_missing(one, passes),
        cut_off=sorted(cut),
    )


def floor(one: Sweep) -> Floor | None:
    """How far the default of a cell varies; None where it was measured too few times."""
    goal, default = one.cell.objective, key_of(one.cell.space.default)
    values = [v for row in one.rows if row["configuration"] == default for v in _value(row, goal)]
    if len(values) < FEW:
        return None
    spread = median(values), min(values), max(values)
    return Floor(one.cell.id, len(values), goal.metric, goal.unit, *spread)


class Ending(NamedTuple):
    """How a sweep ended: the cells that are whole, what is left of the others, noise floors, and
    seconds that it took.
    """

    whole: Collection[str]
    left: Sequence[Left]
    floors: Sequence[Floor]
    seconds: float
    tables: bool

    def wrote(self, cell: str) -> bool:
        """Whether a cell's table was written."""
        return self.tables and cell in self.whole

    def words(self, files: Sequence[Path]) -> str:
        """For people: the tables that were written, then what was left out."""
        lines = [*map(str, files), *(floor.words() for floor in self.floors)]
        lines += [f"{left.words()}; the same command goes on" for left in self.left]
        if not self.tables:
            lines.append(
                "no table was written, for want of pyarrow: haqa-bench table take-in writes them "
                "from the journals, where it is installed"
            )
        return "\n".join(lines)

    def as_json(self, files: Sequence[Path]) -> str:
        """The same for scripts."""
        told = {
            "written": [str(path) for path in files],
            "whole": sorted(self.whole),
            "left_out": [left._asdict() for left in self.left],
            "noise_floors": [floor._asdict() for floor in self.floors],
            "seconds": round(self.seconds, 1),
        }
        return json.dumps(told, indent=2, ensure_ascii=False)


def ending(sweeps: Sequence[Sweep], passes: Passes, written: bool, seconds: float) -> Ending:
    """What became of a sweep, whose tables were `written` where they are whole."""
    lefts = [left_out(one, passes) for one in sweeps]
    return Ending(
        whole=[left.cell for left in lefts if not left.measurements],
        left=[left for left in lefts if left.measurements],
        floors=[found for one in sweeps if (found := floor(one))] if passes.floor > 1 else [],
        seconds=seconds,
        tables=written,
    )


def _value(row: JsonObject, goal: Goal) -> Sequence[float]:
    """A pass' value of a goal: the median of its samples; nothing where there is none."""
    known = [r["samples"] for r in row["readings"] if r["name"] == goal.metric]
    return [median(samples) for samples in known]


def _missing(one: Sweep, passes: Passes) -> int:
    """How many measurements are to be taken of a cell, as far as is known."""
    steps = ordered([one], passes)
    first = len(missing(steps))
    return first or sum(len(missing(more)) for more in again(steps, passes))
