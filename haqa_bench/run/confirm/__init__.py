"""Winners measured again, apart from the tuning: in pairs with the default where times are
measured, else trained anew and tested.

What tuning reports is the largest of many noisy numbers, hence too large.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from haqa_bench import __version__, disk, tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Evaluator, Subject
from haqa_bench.run.confirm import pairs, tests
from haqa_bench.space import key_of
from haqa_bench.store import confirmed, manifest
from haqa_bench.store.confirmed import FORMAT
from haqa_bench.store.journal import Journal, continued, finished

PARTIAL = ".jsonl.partial"


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


def record(
    cell: Cell,
    evaluator: Evaluator,
    configurations: Sequence[Subject],
    path: Path,
    workers: int = 1,
) -> Iterable[int]:
    """As `take`, into a recording: what is new is taken beside it, onto a copy, which takes its
    place when it is whole.

    Raises:
        HaqaError: as `take`; or another process confirms this cell.
    """
    partial = path.with_suffix(PARTIAL)
    with _alone(path):
        _begin(path, partial)
        yield from take(cell, evaluator, configurations, partial, workers)
        manifest.write(path, finished(Journal(partial).entries))
        partial.unlink()


def _begin(path: Path, partial: Path) -> None:
    """Begins a recording with what there is, or goes on with one that began so."""
    if not path.is_file():
        return
    confirmed.read(path, finished=True)
    before = continued(path)
    if not partial.is_file():
        disk.write(partial, before)
    elif not partial.read_bytes().startswith(before):
        what = f"does not begin with what {path.name} holds: that is newer"
        raise HaqaError(partial, what, "Delete it, or restore the older one")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    what, todo = "another process is measuring this", "Wait for it, or end it"
    lock = disk.held(path.with_suffix(f"{PARTIAL}.lock"), HaqaError(path, what, todo))
    try:
        yield
    finally:
        lock.release()


def read(path: Path, cell: Cell) -> Sequence[confirmed.Line]:
    """The pairs or tests in a recording, which must be of this cell; none where there is none.

    Raises:
        HaqaError: it is damaged, or of another cell or workload.
    """
    if not path.is_file():
        return []
    card, lines = confirmed.read(path, finished=True)
    if card.cell != cell.id or card.workload != _workload(cell):
        raise HaqaError(
            path,
            f"holds pairs of another cell or workload than {cell.id}'s now",
            "Delete it, and run: haqa-bench confirm RUN",
        )
    return lines


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


def _workload(cell: Cell) -> JsonObject:
    """What winners are confirmed with."""
    return cell.confirming.workload.model_dump(mode="json")


def _opened(cell: Cell, evaluator: Evaluator, path: Path) -> Journal:
    journal = Journal(path)
    card = {
        "kind": "card",
        "format": FORMAT,
        "cell": cell.id,
        "workload": _workload(cell),
        "default": key_of(cell.space.default),
        "metric": cell.objective.metric,
        "unit": cell.objective.unit,
        "machine": evaluator.machine,
        "haqa_bench": __version__,
    }
    if not journal.entries:
        journal.append(card)
    elif {**journal.entries[0], "format": FORMAT} != card:
        raise HaqaError(
            path,
            "was begun with another workload, default or machine",
            "Finish it there, or delete it",
        )
    return journal
