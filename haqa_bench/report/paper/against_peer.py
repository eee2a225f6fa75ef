"""The paper's table of kernels for cells whose default is llama.cpp's own kernel: a row for each
that was published, ours and the published numbers side by side.

The peer's time is the median of its own in the pairs of `confirm`, and nothing else: where there
are none, its place is empty.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.report import traits, verdict
from haqa_bench.report.found import studies
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.pairs import Pairs, against, confirmed_ratio
from haqa_bench.report.found.studies import StudyResult
from haqa_bench.report.paper.line import measured, stands_in
from haqa_bench.report.paper.speeds import Known, best_of
from haqa_bench.report.published import layout
from haqa_bench.report.published.beside import place_of, same
from haqa_bench.report.published.document import Column as PublishedColumn
from haqa_bench.report.published.document import Entry, PublishedTable, Row
from haqa_bench.report.published.printed import printed
from haqa_bench.report.tables.table import NOTHING, Column, Form, Place, Table, Value, value, words

DIGITS = 1
NOT_MEASURED = "haqa-bench confirm RUN measures it, where llama-cpp-python is installed"
NOT_YET = "not yet"
"""Of a gain whose winners lack pairs, where the peer has some."""
UNCONFIRMED = (
    f"{NOT_YET}: a winner has no pairs with the usual constants; haqa-bench confirm RUN takes them."
)


class Here(NamedTuple):
    """What is known of a run: the rows of each cell by method, and what became of each study."""

    run: Run
    rows: Mapping[str, Mapping[str, Best]]
    known: Known
    studies: Sequence[StudyResult]

    @property
    def pairs(self) -> Pairs:
        """What was measured again."""
        return self.known.pairs

    @property
    def tuned(self) -> list[str]:
        """The methods that propose something, in the order of the suite."""
        found = {name: row for of_cell in self.rows.values() for name, row in of_cell.items()}
        asked = [method.name for method in self.run.suite.methods]
        return [name for name in asked if name in found and not found[name].is_default]


def table(run: Run, published: PublishedTable, found: Sequence[Best], known: Known) -> Table:
    """The rows that were published, each with the cell of ours that is the same; then the cells of
    other shapes.
    """
    rows = {
        cell: {row.method: row for row in of_cell}
        for cell, of_cell in groupby(found, lambda row: row.cell)
    }
    here = Here(run, rows, known, studies.results(run))
    shown = _shown(published, here)
    placed = list(_placed(published, [run.cells[cell] for cell in rows]))
    return Table(
        title=f"{published.label}: {published.title}",
        columns=[
            *layout.names(published, range(len(published.keys))),
            *_columns(here, shown),
            *(_theirs(published, column, shown) for column in published.columns),
            *(Column(name, role="words", place="wide") for name in ("Cell", "Stands in")),
        ],
        rows=[_row(published, row, cell, here, shown) for row, cell in placed],
        notes=list(_notes(published, placed, here, shown)),
        details=published.notes,
        doubts=published.doubts,
    )


def _theirs(published: PublishedTable, column: PublishedColumn, shown: Sequence[str]) -> Column:
    """A published column, under a short name, since the table has to stand in a terminal; where two
    methods of ours are told there, the paper's gain alone.
    """
    name = "Paper" if column.kind == "baseline" else f"P {column.name}".replace("Speed", "speed")
    about = f"the paper's {column.name}"
    place = _place(len(shown) < 2 or column is published.columns[-1])
    return Column(name, column.unit, column.digits, about, "published", place=place)


def _placed(
    published: PublishedTable, cells: Sequence[Cell]
) -> Iterator[tuple[Row | None, Cell | None]]:
    """Each published row with each cell that is the same, or none; then cells without a row."""
    left = {cell.id: cell for cell in cells}
    for row in published.rows:
        alike = [cell for cell in cells if same(published, row, place_of(cell))]
        left = {name: cell for name, cell in left.items() if cell not in alike}
        yield from ((row, cell) for cell in alike)
        if not alike:
            yield row, None
    yield from ((None, cell) for cell in left.values())


def _shown(published: PublishedTable, here: Here) -> list[str]:
    """The methods that are told in a terminal: the first that the paper's own label stands for, or
    else the first of all; and the first that may rewrite a kernel.
    """
    own = [name for of in published.methods.values() for name in of if name in here.tuned]
    rewriting = [method.name for method in here.run.suite.methods if method.rewrites]
    code = [name for name in here.tuned if name in rewriting]
    return list(dict.fromkeys([*[*own, *here.tuned][:1], *code[:1]]))


def _columns(here: Here, shown: Sequence[str]) -> Iterator[Column]:
    yield Column("ggml", "us", DIGITS, "llama.cpp's own kernel, its median in pairs")
    about = "the usual constants, which every study begins with"
    yield Column("Usual", "us", DIGITS, about, place=_place(len(shown) < 2))
    for name in here.tuned:
        about = "the best found, median over studies"
        yield Column(name, "us", DIGITS, about, method=name, place=_place(name in shown))
    if _any_rewritten(here):
        about = "the best found by studies whose winner has code of its own, median"
        yield Column("Rewritten", "us", DIGITS, about, place="wide")
    for name in here.tuned:
        about = "times as fast as ggml, both in pairs with the constants; 95 % interval"
        place = _place(name in shown)
        yield Column(f"{name} / ggml", "x", 2, about, method=name, place=place)


def _place(in_row: bool) -> Place:
    return "row" if in_row else "wide"


def _row(
    published: PublishedTable, row: Row | None, cell: Cell | None, here: Here, shown: Sequence[str]
) -> list[Value]:
    key = row.key if row else (traits.part(cell), _sizes(cell)) if cell else ()
    ours = _ours(cell, here) if cell else [words(NOTHING) for _ in _columns(here, shown)]
    theirs = [
        printed(published, column, entry) if entry else words("")
        for column, entry in zip(published.columns, _entries(published, row), strict=True)
    ]
    about = (cell.id, stands_in(published, cell)) if cell else ("", "")
    return [*map(words, key), *ours, *theirs, *map(words, about)]


def _entries(published: PublishedTable, row: Row | None) -> Sequence[Entry | None]:
    return row.values if row else [None] * len(published.columns)


def _sizes(cell: Cell) -> str:
    return ", ".join(f"{name} {size}" for name, size in traits.sizes(cell).items())


def _ours(cell: Cell, here: Here) -> list[Value]:
    rows, column = here.rows[cell.id], PublishedColumn(name="ours", unit="us", digits=DIGITS)
    found = [_of_peer(cell, here.pairs), _constants(rows, column)]
    found += [_of(rows, name, column, here) for name in here.tuned]
    found += [_rewritten(cell, column, here)] if _any_rewritten(here) else []
    return [*found, *(_gain(rows, name, cell, here.pairs) for name in here.tuned)]


def _of_peer(cell: Cell, pairs: Pairs) -> Value:
    theirs = pairs.verdicts.get((cell.id, traits.peer(cell)))
    if theirs is None:
        return words("")
    form = Form("{number}", DIGITS)
    return value(theirs.value, form, unit="us", n=theirs.pairs, source="measured")


def _constants(rows: Mapping[str, Best], column: PublishedColumn) -> Value:
    row = next(iter(sorted(rows.values(), key=lambda one: not one.is_default)))
    return measured(row.default_value, column, row.default_samples or 0, row.source or "")


def _of(rows: Mapping[str, Best], name: str, column: PublishedColumn, here: Here) -> Value:
    row = rows.get(name)
    return words("") if row is None else best_of(row, column, here.pairs)


def _gain(rows: Mapping[str, Best], name: str, cell: Cell, pairs: Pairs) -> Value:
    """Against the peer, with its interval."""
    if name not in rows:
        return words("")
    found = against(rows[name], traits.peer(cell), pairs)
    if found is None:
        return words(NOT_YET if _lacks_pairs(rows[name], cell, pairs) else "")
    low, high = found.interval or (None, None)
    told = "{number}x" + (" ({low} to {high})" if found.interval else "")
    form, n = Form(told, 2), found.pairs
    return value(found.ratio, form, unit="x", low=low, high=high, n=n, source="measured")


def _lacks_pairs(row: Best, cell: Cell, pairs: Pairs) -> bool:
    """Whether the peer has pairs, and a winner has none."""
    known = (cell.id, traits.peer(cell)) in pairs.verdicts
    return known and confirmed_ratio(row, pairs) is None


def _any_rewritten(here: Here) -> bool:
    return any(has_code(here.run.cells[s.cell], s) for s in here.studies if s.cell in here.rows)


def _rewritten(cell: Cell, column: PublishedColumn, here: Here) -> Value:
    own = [s for s in here.studies if s.cell == cell.id and has_code(cell, s)]
    found = [s.best_value for s in own if s.best_value is not None]
    if not found:
        return words("")
    return measured(median(found), column, len(found), own[0].source or "")


def has_code(cell: Cell, study: StudyResult) -> bool:
    """Whether the winner of a study has a text that no list of choices holds: code of its own."""
    texts = [n for n, p in cell.space.root.items() if not p.finite and isinstance(p.default, str)]
    winner = json.loads(study.winner) if study.winner and texts else {}
    return any(winner.get(name, "") != cell.space.root[name].default for name in texts if winner)


def _notes(
    published: PublishedTable,
    placed: Sequence[tuple[Row | None, Cell | None]],
    here: Here,
    shown: Sequence[str],
) -> Iterator[str]:
    yield (
        f"{published.paper}; hardware: {published.hardware}"
        + (f"; n = {published.n} repeats" if published.n else "")
        + ". Paper is what it starts from, llama.cpp's kernel; P before a name is the paper's too."
    )
    hardware = dict.fromkeys(here.run.cells[cell].hardware.title for cell in here.rows)
    yield f"All else is ours: {'; '.join(hardware)}. Usual: the usual constants."
    yield (
        "ggml is llama.cpp's own kernel on the same inputs, measured in pairs with the usual "
        "constants; under a method / ggml is how many times as fast its winners are, by the same "
        "pairs, with a 95 % interval. What does not beat the constants counts as they do."
    )
    yield "With a word, the constants, which are what to use: " + verdict.OF_WINNERS + "."
    yield from _standings(here)
    lacking = [c for c in here.rows if _of_peer(here.run.cells[c], here.pairs).text == ""]
    if lacking:
        yield f"ggml was not measured of {len(lacking)} of {len(here.rows)} cells: {NOT_MEASURED}."
    if any(
        _lacks_pairs(rows[name], here.run.cells[cell], here.pairs)
        for cell, rows in here.rows.items()
        for name in here.tuned
        if name in rows
    ):
        yield UNCONFIRMED
    if any(cell is None for _, cell in placed):
        yield f"{NOTHING}: no cell of this run is that."
    yield from published.codes


def _standings(here: Here) -> Iterator[str]:
    """In how many cells each method's winners are ahead of the peer, and behind it, by the whole of
    their intervals.
    """
    told = []
    for name in here.tuned:
        gains = [
            against(rows[name], traits.peer(here.run.cells[cell]), here.pairs)
            for cell, rows in here.rows.items()
            if name in rows
        ]
        known = [gain.interval for gain in gains if gain and gain.interval]
        ahead, behind = sum(one.low > 1 for one in known), sum(one.high < 1 for one in known)
        if known:
            told.append(f"{name} {ahead} and {behind} of {len(known)}")
    if told:
        yield (
            "Kernels in which the winners are ahead of ggml, and behind it, by the whole "
            f"interval: {'; '.join(told)}."
        )
