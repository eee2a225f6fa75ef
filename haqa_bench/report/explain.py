"""From a printed number back to what it was made of: the sum done again, from samples, pairs,
tests and trials as they were recorded, and where each of these is written down.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError, nearest
from haqa_bench.report.evidence import as_json, columns
from haqa_bench.report.evidence.place import Place
from haqa_bench.report.evidence.recorded.ledger import Ledger
from haqa_bench.report.evidence.recorded.provenance import Provenance, provenance
from haqa_bench.report.evidence.rules import same
from haqa_bench.report.evidence.tree import Evidence, Part, Step
from haqa_bench.report.formats.filters import full_name
from haqa_bench.report.tables.table import Column, Table, Value, id_of, row_id

FORM = "TABLE:CELL/METHOD/COLUMN, as --format json gives it of every number"


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


class Explained(NamedTuple):
    """A number, or each of a row, with what stands behind it; `faults` are in words what of the sum
    that was done again is not what is printed; none where all agrees.
    """

    number: Number
    evidence: Evidence
    faults: Sequence[str]
    provenance: Provenance
    row: Sequence["Explained"] = ()

    @property
    def agrees(self) -> bool:
        """Whether all sums give what is printed."""
        return not self.faults and all(one.agrees for one in self.row)

    def as_json(self) -> JsonObject:
        """All that is known of it, as JSON takes it."""
        found, column = self.number.value, self.number.heading
        return {
            "id": self.number.id,
            "table": self.number.table.title,
            "row": named(self.number),
            "column": column.name if column else "",
            "formula": column.about if column else "",
            "printed": found.text,
            "number": found.number,
            "low": found.low,
            "high": found.high,
            "unit": found.unit,
            "agrees": self.agrees,
            "faults": list(self.faults),
            "evidence": as_json.evidence(self.evidence),
            "rules": as_json.rules(self.evidence),
            "hardware": self.provenance.hardware,
            "remarks": list(self.provenance.remarks),
            "lock": self.provenance.lock,
            "recorded": {title: dict(told) for title, told in self.provenance.recorded.items()},
            "studies": [told._asdict() for told in self.provenance.studies],
            "columns": [one.as_json() for one in self.row],
        }


def find(made: Mapping[str, Table], text: str) -> Number:
    """The number, or the row, that an id names: TABLE:CELL/METHOD/COLUMN, or words of its row, as
    T4:SmolLM2-135M/INT4/haqa.

    Raises:
        HaqaError: there is none, or several; tells the nearest.
    """
    name, colon, rest = text.partition(":")
    name = full_name(name)
    if name not in made:
        raise _no_table(made, text, name if colon else "")
    table, wanted = made[name], f"{name}:{rest}"
    for row, key in enumerate(table.keys):
        called = row_id(name, key)
        if wanted == called:
            return Number(name, table, row, None)
        if wanted.startswith(f"{called}/"):
            place = _column(table, wanted.removeprefix(f"{called}/"))
            if place is not None:
                return Number(name, table, row, place)
    return _by_words(name, table, rest)


def _column(table: Table, slug: str) -> int | None:
    return next((i for i, column in enumerate(table.columns) if column.slug == slug), None)


def _no_table(made: Mapping[str, Table], text: str, name: str) -> HaqaError:
    """Something that is printed is no id, but may lead to one."""
    if name:
        return HaqaError(text, f"no table '{name}' in this run", nearest(name, made))
    ids = [
        id_of(table_name, key, table.columns[place].name)
        for table_name, table in made.items()
        for key, row in zip(table.keys, table.rows, strict=bool(table.keys))
        for place, found in enumerate(row)
        if found.text and text in (found.text, f"{found.text.split(' ')[0]}")
    ]
    if ids:
        more = f", and {len(ids) - 3} more" if len(ids) > 3 else ""
        return HaqaError(text, "no id, but it is printed", f"Its id: {', '.join(ids[:3])}{more}")
    return HaqaError(text, "no id", f"An id is {FORM}. Tables: {', '.join(made)}")


def _by_words(name: str, table: Table, rest: str) -> Number:
    """The one row in which every word stands; the last may be a column instead."""
    said = rest.casefold().split("/")
    place = _column(table, said[-1])
    rows = _rows(table, said[:-1] if place is not None else said)
    if len(rows) == 1:
        return Number(name, table, rows[0], place)
    row = _row_alone(name, table, rest)
    if row is not None:
        raise _no_column(name, table, row, rest)
    known = [row_id(name, key) for key in table.keys]
    near = difflib.get_close_matches(f"{name}:{rest}", known, 3, 0.3) or known[:3]
    what = f"{len(rows)} rows have it" if rows else "no such row"
    slugs = ", ".join(column.slug for column in table.columns)
    raise HaqaError(
        f"{name}:{rest}", what, f"Near: {', '.join(near)}; a column may follow: {slugs}"
    )


def _rows(table: Table, words: Sequence[str]) -> list[int]:
    """The rows in which all these words stand."""
    wanted = set(words)
    return [
        row
        for row, cells in enumerate(table.cells)
        if table.keys and wanted <= {cell.casefold() for cell in cells}
    ]


def _row_alone(name: str, table: Table, rest: str) -> int | None:
    """The row that is named before a last word which is no column."""
    before = rest.rpartition("/")[0]
    for row, key in enumerate(table.keys):
        if row_id(name, key) == f"{name}:{before}":
            return row
    rows = _rows(table, before.casefold().split("/")) if before else []
    return rows[0] if len(rows) == 1 else None


def _no_column(name: str, table: Table, row: int, rest: str) -> HaqaError:
    word, slugs = rest.rpartition("/")[2], [column.slug for column in table.columns]
    bare = {slug.replace("-", ""): slug for slug in slugs}
    near = difflib.get_close_matches(word.casefold().replace("-", ""), list(bare), 3, 0.5)
    told = [bare[one] for one in near]
    known = f"Near: {', '.join(told)}. All: " if told else "Known: "
    what = f"the row {row_id(name, table.keys[row])} has no column '{word}'"
    return HaqaError(f"{name}:{rest}", what, known + ", ".join(slugs))


def explain(ledger: Ledger, number: Number) -> Explained:
    """What stands behind a number, or behind each of a row.

    Raises:
        HaqaError: the database cannot be read, or a recording is damaged.
    """
    key, column = number.table.keys[number.row], number.heading
    if column is None:
        places = [i for i, found in enumerate(number.table.rows[number.row]) if found.text]
        row = [explain(ledger, number._replace(column=place)) for place in places]
        ids = sorted({told.study for one in row for told in one.provenance.studies})
        return Explained(number, Evidence(), (), provenance(ledger, key.cell, ids), row)
    found = columns.evidence(Place(ledger, number.name, key, column, number.value))
    told = provenance(ledger, key.cell, found.studies)
    return Explained(number, found, faults(number.value, found), told)


def faults(printed: Value, found: Evidence) -> list[str]:
    """What of a sum that was done again is not what is printed, in words."""
    ends = (
        ("number", printed.number, found.number),
        ("low end", printed.low, found.low),
        ("high end", printed.high, found.high),
    )
    wrong = [
        f"the {name} is {number!r}, and the sum done again gives {part.value if part else None!r}"
        for name, number, part in ends
        if number is not None and (part is None or not same(float(number), part.value))
    ]
    words = [part for part in found.besides if _is_word(part)]
    return wrong + [
        f"printed is '{printed.text}', and the rule gives '{part.value}'"
        for part in words
        if str(part.value) not in printed.text
    ]


def _is_word(part: Part) -> bool:
    return isinstance(part, Step) and isinstance(part.value, str)


def named(number: Number) -> dict[str, str]:
    """What names a number's row."""
    row = zip(number.table.columns, number.table.rows[number.row], strict=True)
    return {column.name: found.text for column, found in row if column.role == "key"}
