"""The table of bit-widths as decisions (paper: table 4): INT8 against INT4 on each model and
device, and what each method chose.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.arithmetic.token_roofline import break_even
from haqa_bench.cell import Cell
from haqa_bench.report import rooflines
from haqa_bench.report.columns import PUBLISHED, count, exact
from haqa_bench.report.published import PublishedFigure
from haqa_bench.report.table import Table
from haqa_bench.store import database

NONE = "none"
RESAMPLES = 10_000
HEADINGS = (
    "Model",
    "Hardware",
    "INT8, {0}",
    "INT4, {0}",
    "INT8 / INT4",
    "Order flips",
    "Fastest format",
    "Another is faster",
)


ABOUT_SPEEDS = "the fastest configuration of that bit-width that the whole response table holds and that breaks no constraint"
OF_METHODS = "the format of the best configuration of each study, and the median over studies of how far it is below the optimum"
ABOUT = {
    "INT8 / INT4": "the fastest INT8 configuration over the fastest INT4 one",
    "Order flips": f"the share of {RESAMPLES:,} bootstrap resamples of both's samples in which their order turns around",
    "Fastest format": "that of the fastest feasible configuration of the whole response table",
    "Another is faster": f"the share of {RESAMPLES:,} bootstrap resamples of every format's samples in which another format is the fastest",
    "Source": "where the numbers of the trials came from",
    "Published": PUBLISHED,
}


class Choice(NamedTuple):
    """What one study chose: its best configuration's format, and the one that it proposed first;
    None where there is none.
    """

    cell: str
    method: str
    optimizer: str
    answered_by: str
    samples: Mapping[str, Sequence[float]]
    optimum: float | None
    best: str | None
    value: float | None
    first: str | None
    source: str

    @property
    def regret(self) -> float | None:
        """How far the best is below the optimum, as a share of it."""
        return (
            None
            if self.value is None or self.optimum is None
            else abs(self.optimum - self.value) / abs(self.optimum)
        )


def table(folder: Path, found: Sequence[Choice], figure: PublishedFigure) -> Table:
    """A row for each model and device of the run in `folder`, of which `choices` found what each
    study chose.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    cells = {c.id: c for c in database.suite_of(folder).cells}
    methods = list(dict.fromkeys(c.method for c in found))
    by_cell = {name: list(of_cell) for name, of_cell in groupby(found, lambda c: c.cell)}
    unit = cells[found[0].cell].objective.unit
    return Table(
        title="INT8 or INT4: tokens generated in a second, and the format that each method chose",
        headings=[*(h.format(unit) for h in HEADINGS), *methods, "Source", "Published"],
        cells=[_row(cells[name], of_cell, methods, figure) for name, of_cell in by_cell.items()],
        notes=[*_notes(found, cells, rooflines.compared(folder, cells), figure), *_builds(folder)],
        keys=list(by_cell),
        about=ABOUT
        | dict.fromkeys(methods, OF_METHODS)
        | {h.format(unit): ABOUT_SPEEDS for h in HEADINGS[2:4]},
    )


def choices(folder: Path) -> list[Choice]:
    """What each study chose, of cells whose bit-width is a decision and whose response table was
    replayed.
    """
    sql = files("haqa_bench.report").joinpath("bitwidths.sql").read_text()
    return [
        Choice(
            cell,
            method,
            optimizer,
            who,
            json.loads(samples),
            optimum,
            _format(best),
            value,
            _format(first),
            source or NONE,
        )
        for cell, method, optimizer, who, samples, optimum, best, value, first, source in database.query(
            folder, sql
        )
    ]


def flip_probability(samples: Mapping[str, Sequence[float]], unit: str) -> float:
    """How likely another than the best would be the best if all were measured again: the share of
    bootstrap resamples in which it is.
    """
    rng = np.random.default_rng(0)
    drawn = {
        name: np.quantile(rng.choice(np.asarray(taken), (RESAMPLES, len(taken))), 0.75, axis=1)
        for name, taken in samples.items()
    }
    best = max(samples, key=lambda name: estimate(samples[name], unit).value)
    others = [values for name, values in drawn.items() if name != best]
    return float(np.mean(np.max(others, axis=0) > drawn[best])) if others else 0.0


def _format(configuration: str | None) -> str | None:
    """The format of a configuration in JSON; None for an invalid proposal too."""
    read = json.loads(configuration) if configuration else None
    return str(read["format"]) if read else None


def _row(
    cell: Cell, found: Sequence[Choice], methods: Sequence[str], figure: PublishedFigure
) -> list[str]:
    unit, samples = cell.objective.unit, found[0].samples
    values = {name: estimate(taken, unit).value for name, taken in samples.items()}
    best = {
        bits: max(
            (n for n in values if bit_width_of(n) == bits), key=lambda n: values[n], default=""
        )
        for bits in ("INT8", "INT4")
    }
    eight, four = (values.get(best[bits]) for bits in ("INT8", "INT4"))
    both = {name: samples[name] for name in best.values() if name}
    said = [_chosen([c for c in found if c.method == m]) for m in methods]
    published = figure.said(cell.model_name, cell.hardware.name, "haqa")
    return [
        cell.model_name,
        cell.hardware.name,
        exact(eight, unit),
        exact(four, unit),
        f"{eight / four:.2f}x" if eight and four else "",
        "" if cell.simulated or len(both) < len(best) else _percent(flip_probability(both, unit)),
        max(values, key=lambda name: values[name], default=""),
        "" if cell.simulated else _percent(flip_probability(samples, unit)),
        *said,
        found[0].source,
        published,
    ]


def _chosen(found: Sequence[Choice]) -> str:
    """The formats that a method's studies ended with, how many each where they differ, and the
    median regret.
    """
    if not found:
        return ""
    counts = Counter(c.best or NONE for c in found)
    words = ", ".join(
        name if times == len(found) else f"{times} {name}" for name, times in counts.most_common()
    )
    regrets = [c.regret for c in found if c.regret is not None]
    return f"{words}; {_percent(median(regrets))}" if regrets else words


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _notes(
    found: Sequence[Choice],
    cells: Mapping[str, Cell],
    roofs: Sequence[rooflines.Compared],
    figure: PublishedFigure,
) -> list[str]:
    studies = Counter(c.method for c in found)
    n = ", ".join(
        f"{method} {count(number, 'studies', 'study')}" for method, number in studies.items()
    )
    notes = [
        "INT8, INT4: the fastest configuration of that bit-width that the whole response table holds and that breaks no constraint; "
        "fastest format: of all. Order flips, another is faster: how likely that is if all were measured again, the share of "
        f"{RESAMPLES:,} bootstrap resamples of their samples in which it is so.",
        "Methods: format of the best configuration of each study (how many, where they differ), and the median over studies of how far it "
        f"is below the optimum. n: {n}, over all cells.",
        "A format's name can hide what a file holds: where a model's widths do not divide by 256, llama.cpp puts other types in K-quants' "
        "place (bits_per_weight and tensor_types among a trial's facts).",
    ]
    notes += _first_choices(found, cells)
    notes += [r.words() for r in roofs]
    devices = {
        cells[c.cell].hardware.name: cells[c.cell].hardware
        for c in found
        if cells[c.cell].simulated
    }
    notes += [
        f"{name}: simulated by the roofline of its profile; {break_even(device)}."
        for name, device in devices.items()
    ]
    who = {
        c.answered_by: sorted({b.method for b in found if b.answered_by == c.answered_by})
        for c in found
        if c.answered_by
    }
    notes += [
        f"{', '.join(methods)} {'were' if len(methods) > 1 else 'was'} answered by: {name}."
        for name, methods in who.items()
    ]
    return notes + [
        f"Published, CONFLICT, {e.model}: {e.value}; {e.doubt}." for e in figure.entries if e.doubt
    ]


def _builds(folder: Path) -> list[str]:
    """What the cells ran on, since what is fast changes with it."""
    sql = files("haqa_bench.report").joinpath("trials.sql").read_text()
    facts = [(cell, json.loads(told)) for cell, _, told, _ in database.query(folder, sql)]
    named = ("llama_cpp_python", "backends", "build_commit", "gpu_info")
    built = {
        cell: ", ".join(f"{name} {told[name]}" for name in named if name in told)
        for cell, told in facts
    }
    return [
        f"{cell} ran on: {words} (date: haqa-bench explain)."
        for cell, words in built.items()
        if words
    ]


def _first_choices(found: Sequence[Choice], cells: Mapping[str, Cell]) -> list[str]:
    """What agents proposed first: what they know, or what the prompt gives away."""
    notes = []
    wheres = (
        (False, "measured cells, before any result but the default's"),
        (True, "simulated cells, where no result is shown at all"),
    )
    for simulated, where in wheres:
        agents: dict[str, Counter[str]] = {}
        for choice in (c for c in found if c.answered_by and cells[c.cell].simulated is simulated):
            agents.setdefault(choice.method, Counter())[
                bit_width_of(choice.first) if choice.first else NONE
            ] += 1
        if agents:
            words = "; ".join(
                f"{m} {', '.join(f'{n} {bits}' for bits, n in firsts.most_common())}"
                for m, firsts in agents.items()
            )
            notes.append(f"First proposals on {where}: {words}.")
    return notes
