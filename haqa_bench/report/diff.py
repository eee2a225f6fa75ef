"""Two runs beside each other: what each method found then and now, whether the change is beyond the
noise, and which cells changed why.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report import statistics
from haqa_bench.report.found.best import Best, best
from haqa_bench.report.found.pairs import pairs
from haqa_bench.report.found.studies import results
from haqa_bench.report.tables import random_weights
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Key,
    Table,
    Value,
    count,
    exact,
    value,
    whole,
    words,
)
from haqa_bench.report.verdict import RULE, Verdict, judged, paired

COLUMNS = (
    Column("Cell", role="key", place="heading"),
    Column("Method", role="key"),
    Column("Then"),
    Column("Now"),
    Column("Change", "1", 3),
    Column("Verdict", role="words"),
    Column("n then", role="n"),
    Column("n now", role="n"),
)

SAME, UNPAIRED = "the same", "no seed of both"


class Change(NamedTuple):
    """What a method found on a cell, then and now; None where it was not run. `verdict` is of the
    seeds that both have; None where they have none.
    """

    cell: str
    method: str
    then: Best | None
    now: Best | None
    verdict: Verdict | None

    @property
    def ratio(self) -> float | None:
        """How many times as good as then, above 1 is better."""
        if not self.then or not self.now or not self.then.best or not self.now.best:
            return None
        return statistics.times_better(self.now.best, self.then.best, self.now.direction)

    @property
    def said(self) -> str:
        """What became of it: a verdict, or why there is none; `same` where nothing differs."""
        if self.then is None or self.now is None:
            return "gone" if self.now is None else "new"
        if self.then.metric != self.now.metric:
            return f"other metric: {self.then.metric}, {self.now.metric}"
        if self.then == self.now:
            return "same"
        return str(self.verdict or UNPAIRED)

    @property
    def word(self) -> str:
        """The same in short, as it is counted."""
        if self.said == "same":
            return SAME
        if self.said in ("gone", "new", UNPAIRED):
            return self.said
        return self.verdict.word if self.verdict else "of another metric"


def table(then: Run, now: Run, found: Sequence[Change]) -> Table:
    """What changed between two runs, and below it the cells whose definition changed.

    Raises:
        HaqaError: a database cannot be read.
    """
    made = Table(
        title="What changed between two runs",
        columns=COLUMNS,
        rows=[_row(change) for change in found],
        keys=[Key(change.cell, change.method) for change in found],
        notes=[
            *_changed(then, now),
            "Then, now: median over studies of the best feasible value.",
            f"Verdict, of the seeds that both runs have: {RULE}. The noise floor is the larger one "
            "of the two runs (the default against itself in pairs).",
        ],
    )
    return random_weights.marked(made, {**then.cells, **now.cells})


def differs(found: Iterable[Change]) -> bool:
    """Whether anything is not the same."""
    return any(change.word != SAME for change in found)


def summary(found: Sequence[Change]) -> str:
    """Changes in one line, such as "34 rows: 32 the same, 1 better, 1 new."."""
    words = Counter(change.word for change in found)
    parts = [f"{words[word]} {word}" for word in sorted(words, key=lambda w: (w != SAME, w))]
    return f"{count(len(found), 'rows', 'row')}: {', '.join(parts) or 'nothing to compare'}."


def changes(then: Run, now: Run) -> list[Change]:
    """Every cell and method of either run."""
    sides = [{(row.cell, row.method): row for row in best(run)} for run in (then, now)]
    verdicts = _judged(then, now)
    return [
        Change(*key, sides[0].get(key), sides[1].get(key), verdicts.get(key))
        for key in sorted({*sides[0], *sides[1]})
    ]


def _judged(then: Run, now: Run) -> dict[tuple[str, str], Verdict]:
    """Now against then, of every cell and method that both have."""
    old, new = (_scores(run) for run in (then, now))
    floors = [pairs(run).floors for run in (then, now)]
    return judged(
        {
            key: paired(new[key], old[key], max(known.get(key[0], 0.0) for known in floors))
            for key in old.keys() & new.keys()
        }
    )


def _scores(run: Run) -> dict[tuple[str, str], dict[int, float]]:
    """The best score of each study by seed, by cell and method."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for study in results(run):
        if study.best is not None:
            found.setdefault((study.cell, study.method), {})[study.seed] = study.best
    return found


def _row(change: Change) -> Sequence[Value]:
    both, ratio = (change.then, change.now), change.ratio
    return [
        words(change.cell),
        words(change.method),
        *(exact(row.best, row.unit, n=row.studies) if row else words("") for row in both),
        words("") if ratio is None else value(ratio, Form("{number}x", 3), unit="1"),
        words(change.said),
        *(whole(row.studies) if row else words("") for row in both),
    ]


def _changed(then: Run, now: Run) -> list[str]:
    """The cells of both runs that are not defined alike any more: which parts, and what a recorded
    table of theirs is then.
    """
    notes = []
    for name in sorted(then.cells.keys() & now.cells.keys()):
        if parts := _parts(then.cells[name], now.cells[name]):
            notes.append(
                f"{name} is another cell now ({', '.join(parts)} changed): what was "
                "measured or recorded then is stale."
            )
    return notes


def _parts(one: Cell, other: Cell) -> list[str]:
    return [name for name in Cell.model_fields if getattr(one, name) != getattr(other, name)]
