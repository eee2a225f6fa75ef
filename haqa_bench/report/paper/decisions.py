"""Our rows of the paper's tables of bit-widths: how fast each is, and which one runs in a limit."""

from collections.abc import Sequence
from itertools import groupby

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.project import Run
from haqa_bench.report.found.answers import Answer
from haqa_bench.report.found.format_choices import FormatChoice
from haqa_bench.report.paper.line import Line, measured
from haqa_bench.report.published.document import Column, PublishedTable
from haqa_bench.report.tables.table import Value, words

FASTEST = (
    "the fastest configuration of each bit-width that the whole response table holds; how many "
    "bits a weight its file has stands in the table of our own layout"
)
FITS = "yes where weights, cache, buffers and a margin of 5 % are at most the limit"


def speeds(run: Run, table: PublishedTable, found: Sequence[FormatChoice]) -> list[Line]:
    """A line for each cell whose bit-width is a decision (paper: table 4)."""
    firsts = [next(iter(of)) for _, of in groupby(found, lambda choice: choice.cell)]
    return [
        Line(
            run.cells[first.cell],
            (run.cells[first.cell].model_name,),
            {column.name: _fastest(run, first, column) for column in table.columns},
            first.source,
            FASTEST,
        )
        for first in firsts
    ]


def _fastest(run: Run, choice: FormatChoice, column: Column) -> Value:
    """Of a bit-width; empty where the table holds none."""
    unit = run.cells[choice.cell].objective.unit
    found = [taken for name, taken in choice.samples.items() if bit_width_of(name) == column.ours]
    if not found:
        return words("")
    best = max(found, key=lambda taken: estimate(taken, unit).value)
    return measured(estimate(best, unit).value, column, len(best), choice.source)


def limits(run: Run, table: PublishedTable, found: Sequence[Answer]) -> list[Line]:
    """A line for each model and each limit of the paper (paper: table 5)."""
    firsts = [next(iter(of)) for _, of in groupby(found, lambda answer: answer.cell)]
    labels = dict.fromkeys(row.key[table.keys.index("limit")] for row in table.rows)
    return [
        Line(
            run.cells[first.cell],
            (run.cells[first.cell].model_name, limit),
            {column.name: _fits(first, column, limit) for column in table.columns},
            "simulated",
            FITS,
        )
        for first in firsts
        for limit in labels
    ]


def _fits(answer: Answer, column: Column, limit: str) -> Value:
    """Whether a bit-width takes at most a limit, such as 12 GB; empty where it is not known."""
    need = answer.safe_mb.get(column.ours)
    if need is None:
        return words("")
    fits = need <= 1000 * float(limit.split()[0])
    return words("yes" if fits else "no")._replace(source="simulated")
