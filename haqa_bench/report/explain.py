"""From a printed number back to what it was made of: its formula, the studies and trials, their
samples, the cassette's line, the table.
"""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, Run
from haqa_bench.report.formats.filters import full_name
from haqa_bench.report.found.evidence import Evidence, evidence
from haqa_bench.report.tables.table import Column, Table, Value, id_of, row_id
from haqa_bench.store import tables
from haqa_bench.store.journal import read_lines


class Number(NamedTuple):
    """What an id names: a row of a table, or, with a column, one number in it."""

    name: str
    table: Table
    row: int
    column: int | None

    @property
    def heading(self) -> Column | None:
        """The column."""
        return None if self.column is None else self.table.columns[self.column]

    @property
    def value(self) -> Value:
        """What stands there; nothing for a row."""
        return Value() if self.column is None else self.table.rows[self.row][self.column]

    @property
    def id(self) -> str:
        """What it is called."""
        key, column = self.table.keys[self.row], self.heading
        return id_of(self.name, key, column.name) if column else row_id(self.name, key)


def find(made: Mapping[str, Table], text: str) -> Number:
    """The number, or the row, that an id names: TABLE:CELL/METHOD/COLUMN, or words of its row, as
    T4:SmolLM2-135M/INT4/haqa.

    Raises:
        HaqaError: there is none, or several; tells the nearest.
    """
    name, _, rest = text.partition(":")
    name = full_name(name)
    if name not in made:
        raise HaqaError(text, f"no table '{name}' in this run", f"Known: {', '.join(made)}")
    table, wanted = made[name], f"{name}:{rest}"
    for row, key in enumerate(table.keys):
        if wanted == row_id(name, key):
            return Number(name, table, row, None)
        for place, column in enumerate(table.columns):
            if wanted == id_of(name, key, column.name):
                return Number(name, table, row, place)
    return _by_words(name, table, rest)


def _by_words(name: str, table: Table, rest: str) -> Number:
    """The one row in which every word stands; the last may be a column instead."""
    said = rest.casefold().split("/")
    slugs = {id_of("", "", c.name).rpartition("/")[2]: i for i, c in enumerate(table.columns)}
    place = slugs.get(said[-1])
    wanted = set(said[:-1] if place is not None else said)
    rows = [
        i
        for i, row in enumerate(table.cells)
        if table.keys and wanted <= {cell.casefold() for cell in row}
    ]
    if len(rows) == 1:
        return Number(name, table, rows[0], place)
    known = [f"{name}:{key}" for key in table.keys]
    near = difflib.get_close_matches(f"{name}:{rest}", known, 3, 0.3) or known[:3]
    what = f"{len(rows)} rows have it" if rows else "no such row"
    raise HaqaError(
        f"{name}:{rest}", what, f"Near: {', '.join(near)}; a column may follow: {', '.join(slugs)}"
    )


def explain(run: Run, project: Project, number: Number) -> JsonObject:
    """All that is known of a number, as JSON takes it.

    Raises:
        HaqaError: the database cannot be read, or a recording is damaged.
    """
    key, column, found = number.table.keys[number.row], number.heading, number.value
    cell = run.cells[key.cell]
    methods = {m.name for m in run.suite.methods}
    wanted = {key.method} & methods or ({column.method} & methods if column else set()) or methods
    return {
        "id": number.id,
        "table": number.table.title,
        "row": _row(number),
        "printed": found.text,
        "number": found.number,
        "unit": found.unit,
        "formula": column.about if column else "",
        "cell": {
            "hardware": cell.hardware.title,
            "workload": cell.workload.model_dump(mode="json"),
            "objective": cell.objective.metric,
        },
        "lock": run.suite.lock,
        "response_table": _response_table(project, cell),
        "confirmed": _again(project, cell),
        "studies": [
            _told(study, run, project)
            for study in evidence(run, key.cell)
            if study.method in wanted
        ],
    }


def _row(number: Number) -> dict[str, str]:
    """What names a number's row; the whole row where no number of it is asked for."""
    return {
        column.name: found.text
        for column, found in zip(number.table.columns, number.table.rows[number.row], strict=True)
        if number.column is None or column.role == "key"
    }


def _told(found: Evidence, run: Run, project: Project) -> JsonObject:
    """Evidence as JSON takes it, with where it is journalled, and in which line of which cassette
    the trial was proposed.
    """
    study = run.studies[found.study]
    cassette = project.cassette(study)
    return {
        **found._asdict(),
        "configuration": json.loads(found.configuration or "null"),
        "facts": json.loads(found.facts or "{}"),
        "journal": run.said(run.journal(study)),
        "cassette": _line(cassette, project, found.trial)
        if found.answered_by and found.trial
        else "",
    }


def _line(cassette: Path, project: Project, trial: int) -> str:
    """Where the exchange is recorded that proposed a trial: file and line."""
    if not cassette.is_file():
        return ""
    rounds = [
        i
        for i, line in enumerate(read_lines(cassette), 1)
        if line.get("kind") == "exchange" and line.get("round") == trial
    ]
    return f"{project.said(cassette)}:{rounds[-1]}" if rounds else project.said(cassette)


def _response_table(project: Project, cell: Cell) -> JsonObject:
    path = project.table(cell)
    if not path.is_file():
        return {}
    table = tables.read(path)
    facts = [entry.facts for entry in table.entries.values()]
    return {
        "path": project.said(path),
        "sha256": table.sha256,
        "configurations": len(table.entries),
        "measured": table.card.get("measured", []),
        "passes": table.card.get("passes"),
        "llama_cpp_python": sorted({told[tables.BUILD] for told in facts if tables.BUILD in told}),
    }


def _again(project: Project, cell: Cell) -> JsonObject:
    """Where pairs or tests of the cell's winners are recorded, and on what they were taken."""
    path = project.confirmed(cell)
    if not path.is_file():
        return {}
    card, *entries = read_lines(path)
    return {
        "path": project.said(path),
        "machine": card.get("machine"),
        "entries": len(entries),
    }
