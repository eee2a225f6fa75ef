"""The table of bit-widths as decisions (paper: table 4): INT8 against INT4 on each model and
device, and what each method chose.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median

import numpy as np

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report.found.format_choices import FormatChoice
from haqa_bench.report.published import beside as published
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.report.tables import bit_widths_notes
from haqa_bench.report.tables.bit_widths_notes import NONE, RESAMPLES
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Key,
    Table,
    Value,
    exact,
    share,
    value,
    words,
)

ABOUT_SPEEDS = (
    "the fastest configuration of that bit-width that the whole response table holds and "
    "that breaks no constraint"
)
OF_METHODS = (
    "the format of the best configuration of each study, and the median over studies of "
    "how far it is below the optimum"
)
OF_BOTH = (
    Column("INT8 / INT4", "1", 2, "the fastest INT8 configuration over the fastest INT4 one"),
    Column(
        "Order flips",
        "%",
        1,
        f"the share of {RESAMPLES:,} bootstrap resamples of both's samples in which "
        "their order turns around",
    ),
    Column(
        "Fastest format",
        about="that of the fastest feasible configuration of the whole response table",
        role="words",
    ),
    Column(
        "Another is faster",
        "%",
        1,
        f"the share of {RESAMPLES:,} bootstrap resamples of every format's samples in "
        "which another format is the fastest",
    ),
)


def table(run: Run, found: Sequence[FormatChoice], paper: PublishedTable | None) -> Table:
    """A row for each model and device of a run, of which `found` are what each study chose.

    Raises:
        HaqaError: the database cannot be read.
    """
    methods = list(dict.fromkeys(c.method for c in found))
    by_cell = {name: list(of_cell) for name, of_cell in groupby(found, lambda c: c.cell)}
    unit = run.cells[found[0].cell].objective.unit
    made = Table(
        title="INT8 or INT4: tokens generated in a second, and the format that each method chose",
        columns=_columns(unit, methods),
        rows=[_row(run.cells[name], of, methods, paper) for name, of in by_cell.items()],
        notes=bit_widths_notes.notes(run, found),
        keys=[Key(name) for name in by_cell],
    )
    return published.with_doubts(made, paper)


def _columns(unit: str, methods: Sequence[str]) -> list[Column]:
    return [
        Column("Model", role="key"),
        Column("Hardware", role="key"),
        Column(f"INT8, {unit}", unit, about=ABOUT_SPEEDS),
        Column(f"INT4, {unit}", unit, about=ABOUT_SPEEDS),
        *OF_BOTH,
        *(Column(m, "%", 1, OF_METHODS, "words", method=m) for m in methods),
        Column("Source", about="where the numbers of the trials came from", role="source"),
        Column("Published", about=published.ABOUT, role="published"),
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


def _row(
    cell: Cell, found: Sequence[FormatChoice], methods: Sequence[str], paper: PublishedTable | None
) -> list[Value]:
    unit, samples = cell.objective.unit, found[0].samples
    values = {name: estimate(taken, unit).value for name, taken in samples.items()}
    best = {bits: _fastest(values, bits) for bits in ("INT8", "INT4")}
    both = {name: samples[name] for name in best.values() if name}
    measured = not cell.simulated
    return [
        words(cell.model_name),
        words(cell.hardware.name),
        *(_speed(name, values, samples, unit) for name in best.values()),
        _ratio(values.get(best["INT8"]), values.get(best["INT4"])),
        _flips(both, unit) if measured and len(both) == len(best) else words(""),
        words(max(values, key=lambda name: values[name], default="")),
        _flips(samples, unit) if measured else words(""),
        *(_chosen([c for c in found if c.method == m]) for m in methods),
        words(found[0].source),
        published.said(paper, published.place_of(cell), "haqa"),
    ]


def _fastest(values: Mapping[str, float], bits: str) -> str:
    """The fastest format of a bit-width; empty where there is none."""
    names = (name for name in values if bit_width_of(name) == bits)
    return max(names, key=lambda name: values[name], default="")


def _speed(
    name: str, values: Mapping[str, float], samples: Mapping[str, Sequence[float]], unit: str
) -> Value:
    return exact(values.get(name), unit, n=len(samples.get(name, ())))


def _ratio(eight: float | None, four: float | None) -> Value:
    if not eight or not four:
        return words("")
    return value(eight / four, Form("{number}x", 2), unit="1")


def _flips(samples: Mapping[str, Sequence[float]], unit: str) -> Value:
    return share(flip_probability(samples, unit))


def _chosen(found: Sequence[FormatChoice]) -> Value:
    """The formats that a method's studies ended with, how many each where they differ, and the
    median regret.
    """
    if not found:
        return words("")
    counts = Counter(c.best or NONE for c in found)
    told = ", ".join(
        name if times == len(found) else f"{times} {name}" for name, times in counts.most_common()
    )
    regrets = [c.regret for c in found if c.regret is not None]
    if not regrets:
        return words(told)
    form = Form(f"{told}; {{number}} %", 1)
    return value(100 * median(regrets), form, unit="%", n=len(found), source=found[0].source)
