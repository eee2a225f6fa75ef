"""From a printed number back to what it was made of: its formula, the studies and trials, their
samples, the cassette's line, the table.
"""

import difflib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.report.table import Table, id_of
from haqa_bench.store import database, tables
from haqa_bench.store.journal import read_lines

PAPER = {"t": "table", "f": "figure"}
"""T4 and F5 stand for table4 and figure5."""


class Number(NamedTuple):
    """What an id names: a row of a table, or, with a heading, one number in it."""

    name: str
    table: Table
    row: int
    heading: str | None


class Evidence(NamedTuple):
    """A study behind a number: its best trial, that trial's value and samples, and who answered and
    measured.
    """

    study: str
    suite: str
    method: str
    seed: int
    answered_by: str
    machine: str
    optimum: float | None
    metric: str
    unit: str
    trial: int | None
    configuration: str | None
    thought: str | None
    facts: str | None
    rank: int | None
    value: float | None
    source: str | None
    samples: list[float] | None
    estimated_from: int | None
    trials: int


def find(made: Mapping[str, Table], text: str) -> Number:
    """The number, or the row, that an id names: TABLE:CELL/METHOD/COLUMN, or words of its row, as
    T4:SmolLM2-135M/INT4/haqa.

    Raises:
        HaqaError: there is none, or several; tells the nearest.
    """
    name, _, rest = text.partition(":")
    name = re.sub(
        r"^([tf])(?=\d)", lambda found: PAPER[found[0].lower()], name, flags=re.IGNORECASE
    )
    if name not in made:
        raise HaqaError(text, f"no table '{name}' in this run", f"Known: {', '.join(made)}")
    table = made[name]
    for row, key in enumerate(table.keys):
        if rest == key.replace(" ", "_"):
            return Number(name, table, row, None)
        for heading in table.headings:
            if f"{name}:{rest}" == id_of(name, key, heading):
                return Number(name, table, row, heading)
    return _by_words(name, table, rest)


def _by_words(name: str, table: Table, rest: str) -> Number:
    """The one row in which every word stands; the last may be a column instead."""
    words = rest.casefold().split("/")
    slugs = {id_of("", "", heading).rpartition("/")[2]: heading for heading in table.headings}
    heading = slugs.get(words[-1])
    wanted = words[:-1] if heading else words
    rows = [
        i
        for i, row in enumerate(table.cells)
        if table.keys and set(wanted) <= {cell.casefold() for cell in row}
    ]
    if len(rows) == 1:
        return Number(name, table, rows[0], heading)
    known = [f"{name}:{key}" for key in table.keys]
    near = difflib.get_close_matches(f"{name}:{rest}", known, 3, 0.3) or known[:3]
    what = f"{len(rows)} rows have it" if rows else "no such row"
    raise HaqaError(
        f"{name}:{rest}", what, f"Near: {', '.join(near)}; a column may follow: {', '.join(slugs)}"
    )


def explain(folder: Path, project: Path, number: Number) -> dict[str, Any]:
    """All that is known of a number, as JSON takes it.

    Raises:
        HaqaError: the run has no database, or a recording is damaged.
    """
    key = number.table.keys[number.row]
    cell_id, _, rest = key.partition("/")
    suite = database.suite_of(folder)
    cell = next(c for c in suite.cells if c.id == cell_id)
    methods = {m.name for m in suite.methods}
    column = number.heading or ""
    wanted = {rest} & methods or {column} & methods or methods
    printed = dict(zip(number.table.headings, number.table.cells[number.row], strict=True))
    found = database.query(
        folder, files("haqa_bench.report").joinpath("evidence.sql").read_text(), cell_id
    )
    studies = [e for e in (Evidence(*row) for row in found) if e.method in wanted]
    return {
        "id": id_of(number.name, key, column) if column else f"{number.name}:{key}",
        "table": number.table.title,
        "row": printed
        if number.heading is None
        else {h: v for h, v in printed.items() if h in number.table.headings[:5]},
        "printed": printed.get(column, ""),
        "formula": number.table.about.get(column, ""),
        "cell": {
            "hardware": cell.hardware.title,
            "workload": cell.workload.model_dump(mode="json"),
            "objective": cell.objective.metric,
        },
        "lock": suite.lock,
        "response_table": _response_table(project, cell),
        "measured_again": _again(project, cell),
        "studies": [_told(study, project, cell_id) for study in studies],
    }


def _told(found: Evidence, project: Path, cell: str) -> dict[str, Any]:
    """Evidence as JSON takes it, with where it is journalled, and in which line of which cassette
    the trial was proposed.
    """
    cassette = project / "cassettes" / found.suite / cell / f"{found.method}-s{found.seed}.jsonl"
    return {
        **found._asdict(),
        "configuration": json.loads(found.configuration or "null"),
        "facts": json.loads(found.facts or "{}"),
        "journal": f"journal/{cell}/{found.method}-s{found.seed}.jsonl",
        "cassette": _line(cassette, project, found.trial)
        if found.answered_by and found.trial
        else "",
    }


def _line(cassette: Path, project: Path, trial: int) -> str:
    """Where the exchange is recorded that proposed a trial: file and line."""
    if not cassette.is_file():
        return ""
    rounds = [
        i
        for i, line in enumerate(read_lines(cassette), 1)
        if line.get("kind") == "exchange" and line.get("round") == trial
    ]
    return (
        f"{cassette.relative_to(project)}:{rounds[-1]}"
        if rounds
        else str(cassette.relative_to(project))
    )


def _response_table(project: Path, cell: Cell) -> dict[str, Any]:
    path = tables.path_of(project, cell)
    if not path.is_file():
        return {}
    table = tables.read(path)
    builds = sorted(
        {
            entry.facts[tables.BUILD]
            for entry in table.entries.values()
            if tables.BUILD in entry.facts
        }
    )
    return {
        "path": str(path.relative_to(project)),
        "sha256": table.sha256,
        "configurations": len(table.entries),
        "measured": table.card.get("measured", []),
        "passes": table.card.get("passes"),
        "llama_cpp_python": builds,
    }


def _again(project: Path, cell: Cell) -> dict[str, Any]:
    """Where pairs or tests of the cell's winners are recorded, and on what they were taken."""
    path = project / "results" / "verified" / cell.track / f"{cell.id}.jsonl"
    if not path.is_file():
        return {}
    card, *entries = read_lines(path)
    return {
        "path": str(path.relative_to(project)),
        "machine": card.get("machine"),
        "entries": len(entries),
    }
