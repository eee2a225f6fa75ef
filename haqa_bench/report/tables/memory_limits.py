"""The table of choices under memory limits (paper: table 5): what fits, and what each method
chose.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report import traits
from haqa_bench.report.found import answered
from haqa_bench.report.found.answers import Answer
from haqa_bench.report.found.overlap import Overlap, overlaps
from haqa_bench.report.published import beside as published
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.report.tables.best_found_notes import copies
from haqa_bench.report.tables.table import Column, Form, Key, Table, Value, count, value, words
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload

NO_CHOICE = ("invalid", "cut off")
SIZES = (
    "weights, cache, buffers and the process as llama.cpp plans them, and the margin of 5 "
    "% (docs/memory.md)"
)
OF_METHODS = (
    "what each study chose under the limit, how many where they differ; a wrong choice has + where "
    "it is too large, - where it is too careful"
)


def table(run: Run, found: Sequence[Answer], paper: PublishedTable | None) -> Table:
    """A row for each model and limit of a run, of which `found` are the answers.

    Raises:
        HaqaError: the database cannot be read.
    """
    works = {a.cell: work for a in found if (work := traits.limits(run.cells[a.cell]))}
    bits = list(dict.fromkeys(name for work in works.values() for name in work.bit_widths))
    methods = list(dict.fromkeys(a.method for a in found))
    by_cell = {name: list(of_cell) for name, of_cell in groupby(found, lambda a: a.cell)}
    made = Table(
        title="Bit-width chosen under a memory limit",
        columns=_columns(bits, methods),
        rows=[
            _row(run.cells[name], works[name], limit, of_cell, bits, methods, paper)
            for name, of_cell in by_cell.items()
            for limit in works[name].limits_gb
        ],
        notes=_notes(found, works, overlaps(run)),
        details=_formats(works),
        keys=[
            Key(name, part=f"{limit:g}_gb") for name in by_cell for limit in works[name].limits_gb
        ],
    )
    return published.with_doubts(made, paper)


def _columns(bits: Sequence[str], methods: Sequence[str]) -> list[Column]:
    fits = "the most precise bit-width whose peak and margin are at most the limit"
    return [
        Column("Model", role="key", place="heading"),
        Column("Hardware", role="key", place="heading"),
        Column("Limit", "GB", role="key"),
        *(Column(f"{name}, MB", "MB", 0, SIZES) for name in bits),
        Column("Fits", about=fits, role="words"),
        *(Column(name, about=OF_METHODS, role="words", method=name) for name in methods),
        Column(
            "Source", about="nothing of it was measured on the device", role="source", place="wide"
        ),
        Column("Published", about=published.ABOUT, role="published", place="wide"),
    ]


def _row(
    cell: Cell,
    work: MemoryWorkload,
    limit: float,
    found: Sequence[Answer],
    bits: Sequence[str],
    methods: Sequence[str],
    paper: PublishedTable | None,
) -> list[Value]:
    decision, sizes = work.within(limit), found[0].safe_mb
    return [
        words(cell.model_name),
        words(cell.hardware.name),
        Value(limit, "GB", text=f"{limit:g} GB"),
        *(size(sizes.get(name)) for name in bits),
        words(found[0].right[decision]),
        *(_chosen([a for a in found if a.method == m], decision, work.bit_widths) for m in methods),
        words("simulated"),
        published.said(paper, {**published.place_of(cell), "limit": f"{limit:g} GB"}, "haqa"),
    ]


def size(mb: float | None) -> Value:
    """What a bit-width takes, in MB; empty where it is not known."""
    if mb is None:
        return words("")
    return value(mb, Form("{number}", 0, ","), unit="MB", source="simulated")


def _chosen(found: Sequence[Answer], decision: str, order: Sequence[str]) -> Value:
    """What the studies of a method chose; how many, where they differ; and in which way a wrong one
    is.
    """
    counts = Counter(a.status if a.choices is None else a.choices[decision] for a in found)
    told = []
    for choice, times in counts.most_common():
        wrong = _wrong(choice, found[0].right[decision], [*order, NOTHING])
        told.append(f"{choice}{wrong}" if times == len(found) else f"{times} {choice}{wrong}")
    return words(", ".join(told))


def _wrong(choice: str, truth: str, ranks: Sequence[str]) -> str:
    if choice in (truth, *NO_CHOICE):
        return ""
    return "+" if ranks.index(choice) < ranks.index(truth) else "-"


def _notes(
    found: Sequence[Answer],
    works: Mapping[str, MemoryWorkload],
    known: Mapping[tuple[str, str], Overlap],
) -> list[str]:
    contexts = " or ".join(f"{n_ctx:,}" for n_ctx in sorted({w.n_ctx for w in works.values()}))
    return [
        f"MB: {_planned(found)} with {contexts} tokens of context, and a margin of 5 %, "
        f"{_by(found, works)}. 1 GB is 10^9 bytes. Source: simulated.",
        "Fits: the most precise bit-width that is no larger than the limit. A wrong choice has + "
        "where it is too large, - where it is too careful; numbers are studies, where they differ.",
        *_right(found),
        *answered.sentences(found),
        *copies(found, known),
    ]


def _formats(works: Mapping[str, MemoryWorkload]) -> list[str]:
    """Which format of llama.cpp's stands for each bit-width."""
    told = {(f.bit_width, f.format): None for work in works.values() for f in work.formats}
    return [f"{', '.join(f'{bits} is {name}' for bits, name in told)}."]


def _planned(found: Sequence[Answer]) -> str:
    """What it is that fits."""
    on_device = any(answer.planned_by for answer in found)
    return "all that lies on the device" if on_device else "all that a process takes"


def _by(found: Sequence[Answer], works: Mapping[str, MemoryWorkload]) -> str:
    """Whose plan it is."""
    by = dict.fromkeys(answer.planned_by for answer in found if answer.planned_by)
    driver = "what a GPU's driver takes for itself comes to it"
    if by:
        return f"as planned by {'; '.join(by)}; {driver}"
    if any(work.plan == "without_copies" for work in works.values()):
        return f"as llama.cpp's CPU build plans its buffers; {driver}"
    return "as llama.cpp plans its buffers"


def _right(found: Sequence[Answer]) -> Iterator[str]:
    """How many choices of each method are right."""
    told = []
    for method in sorted({a.method for a in found}):
        studies = [a for a in found if a.method == method]
        decisions = [(a, decision) for a in studies for decision in a.right]
        right = sum(a.choices is not None and a.choices[d] == a.right[d] for a, d in decisions)
        of = count(len(studies), "answers", "answer")
        told.append(f"{method} {right} of {len(decisions)} ({of})")
    yield f"Right choices: {'; '.join(told)}. A study's answer holds all limits of its model."
