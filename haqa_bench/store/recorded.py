"""Search spaces that say `configurations: recorded`: those exist that the cell's table holds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.listed import code_type, places_of
from haqa_bench.space import Pinned, Scalar, SearchSpace
from haqa_bench.store import manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def place(project: Path, track: str, cell: str) -> Path:
    """Where the response table of a cell lies, from a project's folder."""
    return project / "results" / "tables" / track / f"{cell}.parquet"


def held(path: Path, space: SearchSpace) -> SearchSpace:
    """A space with the configurations that the table at `path` holds, pinned by its hash.

    Raises:
        HaqaError: it is damaged, holds what is no configuration, or is not the one that is pinned.
    """
    from haqa_bench.store import tables

    data = read_bytes(path)
    manifest.verify(path, data)
    found = sha256(data)
    if space.pin and space.pin.sha256 != found:
        todo = "Restore the table, or say `configurations: recorded`"
        raise HaqaError(path, "is not the table that the suite pins by its sha256", todo)
    try:
        codes = _codes(space, tables.keys(path, data))
        return space.holding(Pinned(sha256=found, count=len(codes)), codes)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        words = str(error) if isinstance(error, ValueError) else f"no configuration: {error}"
        todo = "Mend the suite's space, or import the table for it again"
        raise HaqaError(path, words.splitlines()[0], todo) from None


def _codes(space: SearchSpace, parts: Iterable[Sequence[str]]) -> "NDArray[np.unsignedinteger]":
    """The configurations whose keys come in parts, as Listing has them.

    Raises:
        ValueError, KeyError, TypeError: one is not of the space.
    """
    import numpy as np

    places = {name: places_of(p.choices) for name, p in space.root.items()}
    kind = code_type(space.choices)
    found = [np.empty((0, len(places)), kind)]
    for part in parts:
        rows = json.loads(f"[{','.join(part)}]")
        if any(len(row) != len(places) for row in rows):
            raise ValueError("a configuration has not the space's parameters")
        found.append(np.array([_column(rows, n, p) for n, p in places.items()], kind).T)
    return np.concatenate(found)


def _column(
    rows: Sequence[Mapping[str, Scalar]], name: str, places: Mapping[tuple[type, Scalar], int]
) -> list[int]:
    """Where the values of a parameter stand among its choices."""
    try:
        return [places[type(value), value] for value in [row[name] for row in rows]]
    except KeyError:
        wrong = [row for row in rows if (type(row.get(name)), row.get(name)) not in places]
        raise ValueError(f"{json.dumps(wrong[0])} is no configuration: {name}") from None
