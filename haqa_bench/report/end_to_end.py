"""The best of each cell and method, with source and n of each number: end-to-end tokens/s (the data of the paper's figure 5), and the
times of kernels (table 3).
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import NamedTuple

from haqa_bench.report import pairs, published
from haqa_bench.report.pairs import Pairs
from haqa_bench.report.published import PublishedFigure
from haqa_bench.space import key_of
from haqa_bench.store.database import query

HEADINGS = (
    "Model",
    "Bit-width",
    "Hardware",
    "Method",
    "{}",
    "Range",
    "Speed-up",
    "Measured again",
    "Of optimum",
    "n",
    "Source",
    "Invalid / failed / repeated",
    "Published speed-up",
)


FIGURES = {"deploy": "figure5", "kernel": "table3"}
TITLES = {
    "deploy": "Best end-to-end tokens/s found, against llama.cpp's default",
    "kernel": "Shortest kernel times found, against the usual constants",
}


class Row(NamedTuple):
    """A cell and method. Values in the objective's unit; speed_up is the median over studies of best over the same study's default."""

    track: str
    cell: str
    model: str
    bit_width: str
    hardware: str
    method: str
    optimizer: str
    metric: str
    unit: str
    direction: str
    studies: int
    default_value: float | None
    default_samples: int | None
    best: float | None
    worst_study: float | None
    best_study: float | None
    speed_up: float | None
    of_optimum: float | None
    source: str | None
    answered_by: str
    proposed: int
    invalid: int
    failed: int
    repeated: int
    machine: str
    winners: Sequence[str]
    """The best configuration of each study that found a feasible one, in JSON."""
    default: str


class Table(NamedTuple):
    """A table ready to be written: cells are text, notes stand below it."""

    title: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    notes: Sequence[str]


def rows(folder: Path) -> list[Row]:
    """The rows of the run in `folder`, from its database.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    return [Row(*row) for row in query(folder, files("haqa_bench.report").joinpath("end_to_end.sql").read_text())]


def tables(folder: Path, paper_tables: Path) -> dict[str, Table]:
    """The table of each track of the run in `folder`, by the name of the paper's figure or table.

    Raises:
        HaqaError: the run has no database, or it cannot be read; or what was published cannot be.
    """
    found, again = rows(folder), pairs.read(folder)
    tracks = {track: [row for row in found if row.track == track] for track in FIGURES}
    return {
        FIGURES[track]: table(of_track, published.load(paper_tables / f"{FIGURES[track]}.yaml"), again)
        for track, of_track in tracks.items()
        if of_track
    }


def table(found: Sequence[Row], figure: PublishedFigure, again: Pairs) -> Table:
    """Rows of one track as text, with what was published beside them, winners measured again, and what to know below."""
    first = found[0]
    return Table(
        title=TITLES[first.track],
        headings=[*(("Kernel",) if first.track == "kernel" else ()), *(h.format(first.unit) for h in HEADINGS)],
        cells=[_cells(row, figure, again) for row in found],
        notes=[
            *_legend(found),
            *_machines(found, again),
            *_verdicts(found, again),
            *(f"Published, CONFLICT, {e.model}: {e.speed_up}; {e.conflict}." for e in figure.entries if e.conflict),
        ],
    )


def _cells(row: Row, figure: PublishedFigure, again: Pairs) -> list[str]:
    kernel = row.cell.rpartition("-")[2] if row.track == "kernel" else None
    human = row.optimizer == "human"
    return [
        *((kernel,) if kernel else ()),
        row.model,
        row.bit_width,
        row.hardware,
        "default" if human else row.method,
        _digits(row.best, 1),
        "" if human else f"{_digits(row.worst_study, 1)} to {_digits(row.best_study, 1)}",
        _digits(row.speed_up, 3) + "x" if row.speed_up is not None else "none",
        "" if human else _again(row, again),
        f"{100 * row.of_optimum:.1f} %" if row.of_optimum is not None else "unknown",
        _count(row.default_samples or 0, "samples", "sample") if human else _count(row.studies, "studies", "study"),
        row.source or "none",
        "" if human else f"{row.invalid} / {row.failed} / {row.repeated} of {row.proposed}",
        "" if human else figure.speed_up(kernel or row.model, row.optimizer),
    ]


def _again(row: Row, again: Pairs) -> str:
    """The median over studies of the winner against the default in pairs, and how many winners beat it; else the default is kept, at 1."""
    tuned = [w for w in map(_key, row.winners) if w != _key(row.default)]
    verdicts = [again.verdicts.get((row.cell, w)) for w in tuned]
    if None in verdicts:
        return "not yet"
    known = [v for v in verdicts if v is not None]
    better = [v.ratio for v in known if v.better]
    if not better:
        return "default kept"
    kept = [1.0] * (len(row.winners) - len(better))
    return f"{median(better + kept):.3f}x, {len(better)} of {row.studies} better"


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))


def _machines(found: Sequence[Row], again: Pairs) -> list[str]:
    notes = []
    if again.machines:
        notes.append(
            "Measured again: winners in interleaved pairs with the default, apart from the tuning; median over studies, a kept default "
            "as 1; better: the 95 % interval of at least six pairs is above 1."
        )
    for cell, machine in sorted(again.machines.items()):
        floor = again.floors.get(cell)
        said = f"; noise floor {100 * floor:.1f} % (the default against itself, as many pairs)" if floor is not None else ""
        notes.append(f"{cell}: pairs measured on {machine}{said}.")
    return notes + [f"{cell}: measured now on {machine}." for cell, machine in sorted({(r.cell, r.machine) for r in found if r.machine})]


def _legend(found: Sequence[Row]) -> list[str]:
    legend = [
        f"{found[0].unit}: median over studies of the best configuration found that breaks no constraint; range: worst and best study; "
        "speed-up: median over studies of that over the same study's default.",
        "Of optimum: median share of the best value that the whole response table holds; unknown where none was replayed.",
        "Invalid / failed / repeated: proposals outside the space, configurations that could not be measured, repeats; of all proposals.",
    ]
    answered: dict[str, set[str]] = {}
    for row in found:
        if row.answered_by:
            answered.setdefault(row.answered_by, set()).add(row.method)
    who = {who: sorted(methods) for who, methods in answered.items()}
    return legend + [
        f"{', '.join(methods)} {'were' if len(methods) > 1 else 'was'} answered by: {name}."
        for name, methods in sorted(who.items(), key=lambda item: item[1])
    ]


def _verdicts(found: Sequence[Row], again: Pairs) -> list[str]:
    """Each agent against random search on the same cell, in words."""
    randoms = {row.cell: row for row in found if row.optimizer == "random"}
    verdicts = []
    for row in found:
        other = randoms.get(row.cell)
        if row.answered_by and other and row.best is not None and other.best is not None:
            tie = abs(row.best - other.best) <= again.floors.get(row.cell, 0.0) * other.best
            ahead = (row.best > other.best) == (row.direction == "maximize")
            word = "as well as" if tie else "better than" if ahead else "worse than"
            verdicts.append(
                f"{row.cell}: {row.method} did {word} random search (medians {_digits(row.best, 1)} and {_digits(other.best, 1)}, "
                f"n = {row.studies} and {other.studies} studies; no test below six pairs)."
            )
    return verdicts


def _count(number: int, many: str, one: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _digits(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"
