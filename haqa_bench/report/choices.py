"""The table of choices under memory limits (paper: table 5): what fits, and what each method chose."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report.columns import PUBLISHED, count
from haqa_bench.report.published import PublishedFigure
from haqa_bench.report.table import Table
from haqa_bench.store import database
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload

INVALID = "invalid"


SIZES = "weights, cache, buffers and the process as llama.cpp plans them, and the margin of 5 % (docs/memory.md)"
OF_METHODS = "what each study chose under the limit, how many where they differ, and in which way a wrong choice is"
ABOUT = {
    "Fits": "the most precise bit-width whose peak and margin are at most the limit",
    "Source": "nothing of it was measured on the device",
    "Published": PUBLISHED,
}


class Answer(NamedTuple):
    """What one study chose in a cell, by decision; None where its answer was invalid. `facts` say
    what is right, and what formats take.
    """

    cell: str
    method: str
    answered_by: str
    facts: Mapping[str, str]
    choices: Mapping[str, str] | None


def table(folder: Path, figure: PublishedFigure) -> Table:
    """A row for each model and limit of the run in `folder`.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    found = answers(folder)
    cells = {c.id: c for c in database.suite_of(folder).cells}
    works = {a.cell: _workload(cells[a.cell]) for a in found}
    bits = list(dict.fromkeys(name for work in works.values() for name in work.bit_widths))
    methods = list(dict.fromkeys(a.method for a in found))
    by_cell = {name: list(of_cell) for name, of_cell in groupby(found, lambda a: a.cell)}
    return Table(
        title="Bit-width chosen under a memory limit",
        headings=[
            "Model",
            "Hardware",
            "Limit",
            *(f"{name}, MB" for name in bits),
            "Fits",
            *methods,
            "Source",
            "Published",
        ],
        cells=[
            row
            for name, of_cell in by_cell.items()
            for row in _rows(cells[name], of_cell, bits, methods, figure)
        ],
        notes=_notes(found, works),
        keys=[f"{name}/{limit:g}_gb" for name in by_cell for limit in works[name].limits_gb],
        about={f"{name}, MB": SIZES for name in bits} | dict.fromkeys(methods, OF_METHODS) | ABOUT,
    )


def answers(folder: Path) -> list[Answer]:
    """The answer of each study of the memory track."""
    sql = files("haqa_bench.report").joinpath("choices.sql").read_text()
    return [
        Answer(cell, method, who, json.loads(facts), json.loads(chosen) if chosen else None)
        for cell, method, _, who, facts, chosen in database.query(folder, sql)
    ]


def _workload(cell: Cell) -> MemoryWorkload:
    assert isinstance(cell.workload, MemoryWorkload)
    return cell.workload


def _rows(
    cell: Cell,
    found: Sequence[Answer],
    bits: Sequence[str],
    methods: Sequence[str],
    figure: PublishedFigure,
) -> Iterator[list[str]]:
    work, facts = _workload(cell), found[0].facts
    for limit in work.limits_gb:
        decision = work.within(limit)
        of_methods = [
            _chosen([a for a in found if a.method == m], decision, work.bit_widths) for m in methods
        ]
        sizes = [
            f"{float(facts[f'{name}_safe_mb']):,.0f}" if name in work.bit_widths else ""
            for name in bits
        ]
        published = figure.said(cell.model_name, f"{limit:g} GB", "haqa")
        yield [
            cell.model_name,
            cell.hardware.name,
            f"{limit:g} GB",
            *sizes,
            facts[decision],
            *of_methods,
            "simulated",
            published,
        ]


def _chosen(found: Sequence[Answer], decision: str, order: Sequence[str]) -> str:
    """What the studies of a method chose; how many, where they differ; and in which way a wrong one
    is.
    """
    if not found:
        return ""
    counts = Counter(INVALID if a.choices is None else a.choices[decision] for a in found)
    ranks = [*order, NOTHING]
    words = []
    for choice, times in counts.most_common():
        truth = found[0].facts[decision]
        wrong = (
            ""
            if choice in (truth, INVALID)
            else " (too large)"
            if ranks.index(choice) < ranks.index(truth)
            else " (too careful)"
        )
        words.append(f"{choice}{wrong}" if times == len(found) else f"{times} {choice}{wrong}")
    return ", ".join(words)


def _notes(found: Sequence[Answer], works: Mapping[str, MemoryWorkload]) -> list[str]:
    contexts = " or ".join(
        f"{n_ctx:,}" for n_ctx in sorted({work.n_ctx for work in works.values()})
    )
    notes = [
        f"MB: all that a process takes with {contexts} tokens of context, and a margin of 5 %, as llama.cpp plans its buffers for a CPU; "
        "what a GPU's driver takes for itself comes to it. 1 GB is 10^9 bytes.",
        "Fits: the most precise bit-width that is no larger than the limit. A more precise choice is too large, any other wrong one too "
        "careful; numbers are studies, where they differ.",
    ]
    for method, of_method in groupby(sorted(found, key=lambda a: a.method), lambda a: a.method):
        studies = list(of_method)
        decisions = [
            (a, works[a.cell].within(limit)) for a in studies for limit in works[a.cell].limits_gb
        ]
        right = sum(a.choices is not None and a.choices[d] == a.facts[d] for a, d in decisions)
        notes.append(
            f"{method}: {right} of {len(decisions)} choices are right ({count(len(studies), 'studies', 'study')})."
        )
    who = {
        a.answered_by: sorted({b.method for b in found if b.answered_by == a.answered_by})
        for a in found
        if a.answered_by
    }
    return notes + [
        f"{', '.join(methods)} was answered by: {name}." for name, methods in who.items()
    ]
