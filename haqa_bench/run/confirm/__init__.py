"""Winners measured again, apart from the tuning: in pairs with the default where times are
measured, else trained anew and tested.

What tuning reports is the largest of many noisy numbers, hence too large.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from haqa_bench import __version__, tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import check_format
from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Evaluator, Subject
from haqa_bench.run.confirm import pairs, tests
from haqa_bench.space import key_of
from haqa_bench.store.journal import Journal, read_lines

FORMAT = 1
"""Of the journals of pairs and tests; those without a number are of this one too."""


def take(
    cell: Cell,
    evaluator: Evaluator,
    configurations: Sequence[Subject],
    path: Path,
    workers: int = 1,
) -> Iterable[int]:
    """Takes what is missing of every configuration's pairs or tests into the journal at `path`;
    yields how many are left.

    Tests may run several at once, pairs one at a time.

    Raises:
        HaqaError: the journal there is of another cell, workload or machine.
    """
    journal = _opened(cell, evaluator, path)
    if tracks.of(cell).confirmed == "tests":
        yield from tests.tests(cell, evaluator, configurations, journal, workers)
    else:
        yield from pairs.pairs(cell, evaluator, configurations, journal)


def read(path: Path, cell: Cell) -> Sequence[dict[str, Any]]:
    """The pairs in a journal, which must be of this cell; none where there is no journal.

    Raises:
        HaqaError: it is of another cell or workload.
    """
    if not path.is_file():
        return []
    entries = read_lines(path)
    card = entries[0] if entries else {}
    check_format(path, card, FORMAT)
    if card.get("cell") != cell.id or card.get("workload") != cell.workload.model_dump(mode="json"):
        raise HaqaError(
            path,
            f"holds pairs of another cell or workload than {cell.id}'s now",
            "Delete it, and run: haqa-bench confirm RUN",
        )
    return entries[1:]


def winners(found: Iterable[tuple[str, str]], cell: Cell) -> list[Subject]:
    """The distinct configurations of a cell among `found`, pairs of cell id and configuration in
    JSON; the default first, references last.
    """
    tuned = {key_of(c): c for c in (json.loads(text) for name, text in found if name == cell.id)}
    tuned.pop(key_of(cell.space.default), None)
    return [
        cell.space.default,
        *(tuned[key] for key in sorted(tuned)),
        *tracks.of(cell).references(cell),
    ]


def _opened(cell: Cell, evaluator: Evaluator, path: Path) -> Journal:
    journal = Journal(path)
    card = {
        "kind": "card",
        "format": FORMAT,
        "cell": cell.id,
        "workload": cell.workload.model_dump(mode="json"),
        "default": key_of(cell.space.default),
        "metric": cell.objective.metric,
        "unit": cell.objective.unit,
        "machine": evaluator.machine,
        "haqa_bench": __version__,
    }
    if not journal.entries:
        journal.append(card)
    elif {"format": FORMAT, **journal.entries[0]} != card:
        raise HaqaError(
            path,
            "was begun with another workload, default or machine",
            "Finish it there, or delete it",
        )
    return journal
