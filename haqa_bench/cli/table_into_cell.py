"""What `haqa-bench table import SUITE FILE --cell ID` does: a file as the table of a cell."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench.cli.options import chosen, open_suite
from haqa_bench.cli.table_told import Told, told
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    import pyarrow as pa

    from haqa_bench.cell import Cell
    from haqa_bench.store.own_tables.brought import Filled


class Given(NamedTuple):
    """The options of this form."""

    status: str | None
    repeats_by: str | None
    well: tuple[str, ...]
    delimiter: str | None
    decimal: str
    stated: tuple[str, ...]
    replace: bool


def into_cell(
    suite_path: Path, file: Path, cell_id: str, given: Given, project: Path | None, as_json: bool
) -> None:
    """Writes the response table of a cell of a suite; says what it holds.

    Raises:
        HaqaError: the file is not of the cell, lacks configurations, or there is a table already.
    """
    from haqa_bench.project import Project, find_suite
    from haqa_bench.store import tables
    from haqa_bench.store.recorded import needs_table
    from haqa_bench.suite import load

    suite_path = find_suite(suite_path, project)
    suite, folder = open_suite(suite_path, project, recorded=False)
    cell = chosen(suite, cell_id, None)[0].cell
    needs_table([cell])
    path = Project(folder).own.table(cell)
    if path.exists() and not given.replace:
        raise HaqaError(path, "there is a table already", "Import over it with --replace")
    found = _read(file, cell, given)
    _check_whole(file, cell, found.filled.table)
    tables.write_columns(path, card(cell, file, found.sha256), found.filled.table)
    if cell.space.recorded:  # and now it is
        cell = next(c for c in load(suite_path, folder).cells if c.id == cell.id)
    said = Told(file, found.form, found.sha256, cell.space.size, found.filled.failures)
    command = f"haqa-bench run {suite_path}"
    if as_json:
        echo(json.dumps(said.as_json(cell, path, suite_path, command), indent=2))
        return
    for line in told(said, cell, path, found.filled.notes):
        echo(line)


class _Read(NamedTuple):
    """A file in the units of a cell."""

    form: str
    sha256: str
    filled: "Filled"


def card(cell: "Cell", file: Path, sha256: str) -> Mapping[str, object]:
    """What the table of a cell says of itself, whose numbers a file holds."""
    from haqa_bench import __version__
    from haqa_bench.store import tables

    return {
        "cell": cell.id,
        "workload": cell.workload.model_dump(mode="json"),
        tables.IMPORTED: file.name,
        tables.IMPORTED_SHA256: sha256,
        "haqa_bench": __version__,
    }


def _read(file: Path, cell: "Cell", given: Given) -> _Read:
    from haqa_bench.store.kernel_tuner.as_suite import filled
    from haqa_bench.store.kernel_tuner.imported import read
    from haqa_bench.store.own_tables.brought import columns_of, of_cell
    from haqa_bench.store.own_tables.mapped import Said
    from haqa_bench.store.own_tables.opened import opened

    frame = opened(file, given.delimiter, given.decimal)
    if frame is not None:
        said = Said(*columns_of(cell), given.status, given.repeats_by, given.well)
        told = of_cell(frame, cell, said)
        return _Read(frame.form, frame.sha256, told)
    found = read(file, cell.space)
    pairs = [text.rpartition("=") for text in given.stated]
    units = {name or cell.objective.metric: unit for name, _, unit in pairs}
    return _Read(found.form, found.sha256, filled(file, units, cell))


def _check_whole(file: Path, cell: "Cell", rows: "pa.Table") -> None:
    """Raises HaqaError where a file lacks configurations of a cell."""
    from haqa_bench.space import key_of

    if cell.space.recorded:
        return
    known = set(rows.column("configuration").to_pylist())
    missing = [key for key in map(key_of, cell.space.grid()) if key not in known]
    if missing:
        raise HaqaError(
            file,
            f"{len(missing)} of {cell.space.size} configurations are missing, first {missing[0]}",
            "Write `configurations: recorded` in the suite's space, or have a suite written: "
            f"haqa-bench table import {file}",
        )
