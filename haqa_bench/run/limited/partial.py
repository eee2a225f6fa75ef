"""What was measured of a cell in part: brought from another machine, and made a table as it is."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, read_bytes
from haqa_bench.errors import HaqaError
from haqa_bench.run.sweep import CUT, PARTIAL, of_cell, rows_of, write
from haqa_bench.space import key_of
from haqa_bench.store import manifest, tables
from haqa_bench.store.journal import Journal
from haqa_bench.store.recorded import place

CLOSED = "closed"
"""What the card of a table says that was made of a journal as it was."""


class Part(NamedTuple):
    """What is held of a cell, and where: `configurations` of how many, `passes` over all of them,
    and `measurements` in all.
    """

    cell: str
    path: Path
    configurations: int
    of: int
    passes: int
    measurements: int

    def words(self) -> str:
        """For people, in a line."""
        return (
            f"{self.cell}: {self.configurations} of {self.of} configurations, {self.passes} "
            f"passes whole, {self.measurements} measurements: {self.path}"
        )


def close(cell: Cell, target: Path) -> Part | None:
    """Writes a table of what was measured of a cell so far; None where nothing was. The journal
    stays where something is missing, so that `tabulate` can go on. A table without a journal is
    what it is.

    Raises:
        HaqaError: another cell was measured; or a table is there that was not made so.
    """
    journal = _checked(cell, Journal(target.with_suffix(PARTIAL)), target)
    if not rows_of(journal):
        return _of_table(cell, target) if target.is_file() else None
    if target.is_file() and not tables.read(target).card.get(CLOSED):
        what = "is there, and was measured whole"
        raise HaqaError(target, what, "Keep it, or move it away")
    part = _part(cell, target, rows_of(journal))
    write(target, journal, part.passes, 0, {CLOSED: True})
    if _even(cell, rows_of(journal)):
        journal.path.unlink()
    return part


def take_in(cell: Cell, source: Path, target: Path) -> Part | None:
    """Takes in what was measured of a cell in the project folder `source`, beside what is here
    already; None where nothing of it is there.

    Raises:
        HaqaError: it is damaged, of another cell, or other than what is here.
    """
    table = place(source, cell.track, cell.id)
    partial = table.with_suffix(PARTIAL)
    if partial.is_file():
        return _journal_taken_in(cell, partial, target)
    return _table_taken_in(cell, table, target) if table.is_file() else None


def _table_taken_in(cell: Cell, source: Path, target: Path) -> Part:
    found = tables.read(source)
    _check_card(cell, source, found.card)
    data = read_bytes(source)
    if target.is_file() and read_bytes(target) != data:
        raise HaqaError(target, "is there already, and another", "Move it away to take this one in")
    manifest.write(target, data)
    return _of_table(cell, target)


def _of_table(cell: Cell, path: Path) -> Part:
    """What a table holds, its passes as its card says."""
    found = tables.read(path)
    _check_card(cell, path, found.card)
    size, passes = len(found.entries), int(found.card.get("passes", 0))
    return Part(cell.id, path, size, cell.space.size, passes, size * passes)


def _journal_taken_in(cell: Cell, source: Path, target: Path) -> Part | None:
    found = _checked(cell, _copied(source), source)
    if not rows_of(found):
        return None
    here = Journal(target.with_suffix(PARTIAL))
    if not here.entries:
        here.append(found.entries[0])
    elif here.entries[0] != found.entries[0]:
        what = f"another measurement of the cell was begun here: {here.path}"
        raise HaqaError(source, what, "Close that one, or move it away")
    have = {_step(entry) for entry in here.entries[1:]}
    if new := [entry for entry in found.entries[1:] if _step(entry) not in have]:
        here.append(*new)
    return _part(cell, here.path, rows_of(here))


def _step(entry: JsonObject) -> tuple[object, ...]:
    return entry["pass"], entry["configuration"], CUT in entry


def _copied(source: Path) -> Journal:
    """A journal as it is, read without changing it: a last line that was cut is left out."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / source.name
        shutil.copyfile(source, copy)
        return Journal(copy)


def _checked(cell: Cell, found: Journal, said: Path) -> Journal:
    """A journal that is of the cell, or empty."""
    if found.entries:
        _check_card(cell, said, found.entries[0])
    return found


def _check_card(cell: Cell, path: Path, card: Mapping[str, object]) -> None:
    if other := [name for name, value in of_cell(cell).items() if card.get(name) != value]:
        what = f"was measured with another {', '.join(other)} than {cell.id} has now"
        raise HaqaError(path, what, "Take it in with the suite that it was measured with")


def _part(cell: Cell, path: Path, rows: list[JsonObject]) -> Part:
    counts = Counter(row["configuration"] for row in rows)
    whole = len(counts) == cell.space.size
    passes = min(counts.values()) if whole else 0
    return Part(cell.id, path, len(counts), cell.space.size, passes, len(rows))


def _even(cell: Cell, rows: list[JsonObject]) -> bool:
    """Whether every configuration was measured, all equally often; the default, which may be
    repeated, apart.
    """
    counts = Counter(row["configuration"] for row in rows)
    default = counts.get(key_of(cell.space.default), 0)
    others = {n for key, n in counts.items() if key != key_of(cell.space.default)}
    return len(counts) == cell.space.size and len(others) <= 1 and default >= max(others, default=1)
