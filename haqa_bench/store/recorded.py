"""Which spaces a response table can hold; and those that say `configurations: recorded`, whose
configurations are those that the cell's table holds.
"""

from collections.abc import Iterable
from pathlib import Path

from haqa_bench.cell import Cell
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.space import Pinned, SearchSpace
from haqa_bench.store import manifest


def place(project: Path, track: str, cell: str) -> Path:
    """Where the response table of a cell lies, from a project's folder."""
    return project / "results" / "tables" / track / f"{cell}.parquet"


def needs_table(cells: Iterable[Cell]) -> None:
    """Raises HaqaError for the first cell that no response table can hold: its space has a range or
    a source.
    What was measured of it are recorded trials.
    """
    for cell in cells:
        if not cell.space.finite:
            names = ", ".join(name for name, p in cell.space.root.items() if not p.finite)
            what = f"no response table holds it: its space has {cell.space.endless} ({names})"
            todo = "Record trials with: haqa-bench run SUITE --measure live; or leave it out with "
            seen = "; haqa-bench trials show SUITE shows them" if cell.space.code else ""
            raise HaqaError(cell.id, what, f"{todo}--cells{seen}")


def held(path: Path, space: SearchSpace) -> SearchSpace:
    """A space with the configurations that the table at `path` holds, pinned by its hash.

    Raises:
        HaqaError: it is damaged, holds what is no configuration, or is not the one that is pinned.
    """
    from haqa_bench.store import keys, tables

    data = read_bytes(path)
    manifest.verify(path, data)
    found = sha256(data)
    if space.pin and space.pin.sha256 != found:
        todo = "Restore the table, or say `configurations: recorded`"
        raise HaqaError(path, "is not the table that the suite pins by its sha256", todo)
    try:
        codes = keys.codes_of(space, tables.keys(path, data))
        return space.holding(Pinned(sha256=found, count=len(codes)), codes)
    except (ValueError, RecursionError) as error:
        todo = "Mend the suite's space, or import the table for it again"
        raise HaqaError(path, str(error).splitlines()[0], todo) from None
