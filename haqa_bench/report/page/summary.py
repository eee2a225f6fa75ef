"""What a page opens on: what a run is, how much stands behind it, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report.found import studies
from haqa_bench.report.labels import label
from haqa_bench.report.page.data import RunShown
from haqa_bench.report.page.shown import Block, Row, Shown
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import count


class Leader(NamedTuple):
    """The best of a cell in a table: what the cell is, the value with its address, and who found
    it; `verdicts` say how the agents did there, against random search.
    """

    of: str
    value: str
    id: str
    methods: str
    verdicts: Sequence[str]


class Part(NamedTuple):
    """A table in short: its address, its title, how many rows it has, what its leaders' values are,
    and its leaders, none where nothing is best.
    """

    id: str
    title: str
    rows: str
    heading: str
    leaders: Sequence[Leader]


class Summary(NamedTuple):
    """A run in short."""

    title: str
    amount: str
    sources: str
    parts: Sequence[Part]


def summary(run: Run, data: RunShown, tables: Sequence[Shown]) -> Summary:
    """The run in short; `data` and `tables` are what the page shows of it.

    Raises:
        HaqaError: the database cannot be read.
    """
    said = _said(run)
    sources = {one.source for one in studies.results(run) if one.source}
    return Summary(
        title=run.suite.title,
        amount=_amount(data),
        sources=", ".join(sorted(sources)),
        parts=[_part(shown, said, run.suite.labels) for shown in tables],
    )


def _amount(data: RunShown) -> str:
    found = [study for cell in data.cells for study in cell.studies]
    trials = sum(len(study.trials) for study in found)
    methods = {study.method for study in found}
    return (
        f"{count(len(found), 'studies', 'study')} by {count(len(methods), 'methods', 'method')} on "
        f"{count(len(data.cells), 'cells', 'cell')}, {count(trials, 'trials', 'trial')}"
    )


def _said(run: Run) -> Mapping[str, Sequence[str]]:
    """How the agents did against random search, in words, by cell."""
    agents = {one.method for one in studies.results(run) if one.answered_by}
    told: dict[str, list[str]] = {}
    for (cell, method), word in catalogue.against_random(run).items():
        if method in agents:
            told.setdefault(cell, []).append(f"{label(run.suite.labels, method)}: {word}")
    return told


def _part(shown: Shown, said: Mapping[str, Sequence[str]], labels: Mapping[str, str]) -> Part:
    leaders = [
        _leader(cell, block, list(rows), said.get(cell, ()), labels)
        for block in shown.blocks
        for cell, rows in groupby(filter(_leads, block.rows), lambda row: row.cell)
    ]
    heading = next((h.name for h in shown.headings if h.slug in _best(shown)), "")
    return Part(shown.id, shown.title, count(shown.size, "rows", "row"), heading, leaders)


def _best(shown: Shown) -> Iterator[str]:
    """The columns in which something is best."""
    for block in shown.blocks:
        for row in block.rows:
            for heading, place in zip(shown.headings, row.places, strict=True):
                if place.best:
                    yield heading.slug


def _leads(row: Row) -> bool:
    return any(place.best for place in row.places)


def _leader(
    cell: str, block: Block, rows: Sequence[Row], said: Sequence[str], labels: Mapping[str, str]
) -> Leader:
    place = next(place for place in rows[0].places if place.best)
    return Leader(
        of=block.heading or cell,
        value=place.text,
        id=place.id,
        methods="; ".join(label(labels, row.method) for row in rows),
        verdicts=said,
    )
