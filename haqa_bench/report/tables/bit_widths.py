"""The tables of bit-widths as decisions (paper: table 4): INT8 against INT4 on each model and
device; and what each method chose.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median

import numpy as np

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.cell import Cell
from haqa_bench.project import Project, Run
from haqa_bench.report.found.format_choices import FormatChoice
from haqa_bench.report.found.weights import Weights, by_format, label_of_format
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
    whole,
    words,
)

Files = Mapping[tuple[str, str], Weights]
ABOUT_SPEEDS = (
    "tokens/s of the fastest configuration of that bit-width that the whole response table holds "
    "and that breaks no constraint"
)
SOURCE = "where the numbers of the trials came from"
COLUMNS = (
    Column("Model", role="key"),
    Column("Hardware", role="key"),
    Column("INT8", about=ABOUT_SPEEDS),
    Column("INT4", about=ABOUT_SPEEDS),
    Column("INT8 / INT4", "1", 2, "the fastest INT8 configuration over the fastest INT4 one"),
    Column(
        "Bits a weight",
        "bits",
        2,
        "of the whole files of both, INT8 then INT4: what is in a file, not what it is called",
    ),
    Column("Perplexity", "1", 2, "of the INT4 file over that of the INT8 file"),
    Column(
        "Order flips",
        "%",
        1,
        f"the share of {RESAMPLES:,} bootstrap resamples of both's samples in which "
        "their order turns around",
    ),
    Column(
        "Fastest",
        about="the format of the fastest feasible configuration of the whole response table",
        role="words",
    ),
    Column(
        "Another is faster",
        "%",
        1,
        f"the share of {RESAMPLES:,} bootstrap resamples of every format's samples in "
        "which another format is the fastest",
    ),
    Column("Source", about=SOURCE, role="source", place="wide"),
    Column("Published", about=published.ABOUT, role="published", place="wide"),
)
CHOSEN = (
    Column("Model", role="key", place="heading"),
    Column("Hardware", role="key", place="heading"),
    Column("Method", role="key"),
    Column("n", about="studies of the method on the cell", role="n"),
    Column(
        "Format",
        about="of the best configuration of each study, how many where they differ",
        role="words",
    ),
    Column(
        "Regret",
        "%",
        1,
        "the median over studies of how far the best found is below the fastest of the response "
        "table, as a share of it",
    ),
    Column("First proposal", about="the bit-width that each study proposed first", role="words"),
    Column("Source", about=SOURCE, role="source", place="wide"),
)


def table(
    run: Run, project: Project, found: Sequence[FormatChoice], paper: PublishedTable | None
) -> Table:
    """A row for each model and device of a run, of which `found` are what each study chose.

    Raises:
        HaqaError: the database cannot be read.
    """
    by_cell = {name: list(of_cell) for name, of_cell in groupby(found, lambda c: c.cell)}
    unit, files = run.cells[found[0].cell].objective.unit, by_format(run, project)
    made = Table(
        title=f"INT8 or INT4: {unit} of the fastest configuration of each",
        columns=COLUMNS,
        rows=[_row(run.cells[name], of[0], paper, files) for name, of in by_cell.items()],
        notes=bit_widths_notes.notes(run, found),
        keys=[Key(name) for name in by_cell],
        details=bit_widths_notes.details(run),
    )
    return published.with_doubts(made, paper)


def chosen(run: Run, project: Project, found: Sequence[FormatChoice]) -> Table:
    """A row for each method on each model and device."""
    groups: dict[tuple[str, str], list[FormatChoice]] = {}
    files = by_format(run, project)
    for choice in found:
        groups.setdefault((choice.cell, choice.method), []).append(choice)
    return Table(
        title="The format that each method chose",
        columns=CHOSEN,
        rows=[_choice_row(run.cells[cell], of, files) for (cell, _), of in groups.items()],
        notes=bit_widths_notes.of_choices(run, found),
        keys=[Key(cell, method) for cell, method in groups],
    )


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
    cell: Cell, first: FormatChoice, paper: PublishedTable | None, files: Files
) -> list[Value]:
    unit, samples = cell.objective.unit, first.samples
    values = {name: estimate(taken, unit).value for name, taken in samples.items()}
    best = {bits: _fastest(values, bits) for bits in ("INT8", "INT4")}
    both = {name: samples[name] for name in best.values() if name}
    measured = not cell.simulated
    return [
        words(cell.model_name),
        words(cell.hardware.name),
        *(_speed(name, values, samples, unit) for name in best.values()),
        _ratio(values.get(best["INT8"]), values.get(best["INT4"])),
        *_of_files([files.get((cell.id, name)) for name in best.values()]),
        _flips(both, unit) if measured and len(both) == len(best) else words(""),
        words(max(values, key=lambda name: values[name], default="")),
        _flips(samples, unit) if measured else words(""),
        words(first.source),
        published.said(paper, published.place_of(cell), "haqa"),
    ]


def _of_files(both: Sequence[Weights | None]) -> list[Value]:
    """Bits of the INT8 and of the INT4 file, and the perplexity of the second over the first's."""
    eight, four = both
    if eight is None or four is None:
        return [words(""), words("")]
    ends = (four.bits, eight.bits)
    told = " and ".join(f"{bits:.2f}" for bits in (eight.bits, four.bits))
    bits = Value(None, "bits", min(ends), max(ends), text=told)
    if not eight.perplexity or not four.perplexity:
        return [bits, words("")]
    return [bits, value(four.perplexity / eight.perplexity, Form("{number}x", 2), unit="1")]


def _choice_row(cell: Cell, found: Sequence[FormatChoice], files: Files) -> list[Value]:
    regrets = [100 * c.regret for c in found if c.regret is not None]
    firsts = Counter(label_of_format(c.cell, c.first, files) if c.first else NONE for c in found)
    form = Form("{number} %", 1)
    return [
        words(cell.model_name),
        words(cell.hardware.name),
        words(found[0].method),
        whole(len(found), "studies"),
        words(_counts(Counter(c.best or NONE for c in found))),
        value(median(regrets), form, unit="%", n=len(found)) if regrets else words(NONE),
        words("" if found[0].optimizer == "default" else _counts(firsts)),
        words(found[0].source),
    ]


def _counts(counts: Counter[str]) -> str:
    """What was chosen, and how often where not always."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{times} {name}" for name, times in counts.most_common())


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
