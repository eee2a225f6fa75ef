"""Our rows of the paper's tables of bit-widths: how fast each is, and which one runs in a limit."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.cell import Cell
from haqa_bench.project import Project, Run
from haqa_bench.report import traits
from haqa_bench.report.found.answers import Answer
from haqa_bench.report.found.format_choices import FormatChoice
from haqa_bench.report.found.plans import bits_of, entries, sum_of
from haqa_bench.report.found.weights import ByFormat, by_format
from haqa_bench.report.paper.line import Line, measured
from haqa_bench.report.published.beside import place_of, same
from haqa_bench.report.published.document import Column, PublishedTable
from haqa_bench.report.tables.table import Value, words

FASTEST = (
    "the fastest configuration of each bit-width that the whole response table holds, and how many "
    "bits a weight its file has"
)
TOKENS = "tokens/s"
"""The unit of cells whose bit-width is a decision."""
FITS = (
    "yes where weights, cache, buffers and a margin of 5 % are at most the limit "
    "(1 GB is 10^9 bytes)"
)


def speeds(
    run: Run, project: Project, table: PublishedTable, found: Sequence[FormatChoice]
) -> list[Line]:
    """A line for each cell whose bit-width is a decision (paper: table 4)."""
    firsts = [next(iter(of)) for _, of in groupby(found, lambda choice: choice.cell)]
    files = by_format(run, project)
    return [
        Line(
            run.cells[first.cell],
            (run.cells[first.cell].model_name,),
            {column.name: _fastest(first, column, files) for column in table.columns},
            first.source,
            FASTEST,
            _chosen(first, table),
        )
        for first in firsts
    ]


def _chosen(choice: FormatChoice, table: PublishedTable) -> str:
    """Which format stands for each bit-width that several are one of; empty where none has a
    choice.
    """
    told = []
    for column in table.columns:
        names = _formats(choice, column)
        if len(names) > 1:
            others = ", ".join(names[1:])
            told.append(f"{column.name} is {names[0]}, the fastest of {names[0]}, {others}")
    return "; ".join(told)


def _formats(choice: FormatChoice, column: Column) -> list[str]:
    """Those of a bit-width, the fastest first."""
    names = [name for name in choice.samples if bit_width_of(name) == column.ours]
    return sorted(names, key=lambda name: -estimate(choice.samples[name], TOKENS).value)


def _fastest(choice: FormatChoice, column: Column, files: ByFormat) -> Value:
    """Of a bit-width, with the bits a weight of its file; empty where the table holds none."""
    names = _formats(choice, column)
    if not names:
        return words("")
    best = choice.samples[names[0]]
    found = measured(estimate(best, TOKENS).value, column, len(best), choice.source)
    file = files.get((choice.cell, names[0]))
    if file is None or found.form is None:
        return found
    said = f" ({file.bits:.2f} bits)"
    form = found.form._replace(words=found.form.words + said)
    return found._replace(form=form, text=found.text + said)


def limits(
    run: Run, project: Project, table: PublishedTable, found: Sequence[Answer]
) -> list[Line]:
    """A line for each model and each limit of the paper (paper: table 5).

    Raises:
        HaqaError: a table of plans is damaged.
    """
    firsts = [next(iter(of)) for _, of in groupby(found, lambda answer: answer.cell)]
    remarks = {first.cell: _of_plan(run, project, table, first) for first in firsts}
    labels = dict.fromkeys(row.key[table.keys.index("limit")] for row in table.rows)
    return [
        Line(
            run.cells[first.cell],
            (run.cells[first.cell].model_name, limit),
            {column.name: _fits(first.safe_mb, column, limit) for column in table.columns},
            "simulated",
            FITS,
            remarks[first.cell],
        )
        for first in firsts
        for limit in labels
    ]


def _of_plan(run: Run, project: Project, table: PublishedTable, answer: Answer) -> str:
    """What was planned, why ours differ from the paper's, and what another context changes."""
    cell = run.cells[answer.cell]
    work = traits.limits(cell)
    if work is None:
        return ""
    known = entries(cell, project)
    bits = {name: bits_of(cell, entry) for name, entry in known.items()}
    formats = ", ".join(
        f"{f.bit_width} is {f.format}"
        + (f" ({b:.2f} bits)" if (b := bits.get(f.bit_width)) else "")
        for f in work.formats
    )
    by = f", as planned by {answer.planned_by}" if answer.planned_by else ""
    what = f"{formats}; {work.n_ctx:,} tokens of context{by}"
    return ". ".join([what, *_differing(cell, project, table, answer), *_contexts(table, answer)])


def _differing(
    cell: Cell, project: Project, table: PublishedTable, answer: Answer
) -> Iterator[str]:
    """Where ours are not the published, with the sum."""
    known = entries(cell, project)
    place = place_of(cell)
    for row in table.rows:
        limit = row.key[table.keys.index("limit")]
        for column, entry in zip(table.columns, row.values, strict=True):
            ours = _fits(answer.safe_mb, column, limit).text
            if same(table, row, place) and ours and entry.word not in ("", None, ours):
                size = f"{answer.safe_mb[str(column.ours)]:,.0f} MB with its margin"
                plan = known.get(str(column.ours))
                why = f" ({sum_of(plan)})" if plan else ""
                yield (
                    f"{limit}, {column.name}: the paper's {entry.word}, ours {ours}: {size}{why}; "
                    "the paper's context and buffers are UNKNOWN"
                )


def _contexts(table: PublishedTable, answer: Answer) -> Iterator[str]:
    """Which of these decisions are others at other lengths of the context."""
    changes: dict[str, list[str]] = {}
    for n_ctx, sizes in sorted(answer.at.items()):
        told = ", ".join(_changed(table, answer.safe_mb, sizes)) or "the same decisions"
        changes.setdefault(told, []).append(f"{n_ctx:,}")
    for told, lengths in changes.items():
        yield f"At {', '.join(lengths)} tokens of context: {told}"


def _changed(
    table: PublishedTable, here: Mapping[str, float], there: Mapping[str, float]
) -> Iterator[str]:
    """The decisions that sizes turn round, by the sizes here and those there."""
    limits = dict.fromkeys(row.key[table.keys.index("limit")] for row in table.rows)
    for limit in limits:
        for column in table.columns:
            fits = _fits(there, column, limit).text
            if fits != _fits(here, column, limit).text:
                yield f"{limit} {column.name} {fits}"


def _fits(sizes: Mapping[str, float], column: Column, limit: str) -> Value:
    """Whether a bit-width takes at most a limit, such as 12 GB, by what each takes in MB; empty
    where it is not known.
    """
    need = sizes.get(str(column.ours))
    if need is None:
        return words("")
    fits = need <= 1000 * float(limit.split()[0])
    return words("yes" if fits else "no")._replace(source="simulated")
