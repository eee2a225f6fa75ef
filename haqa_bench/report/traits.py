"""What a report asks of a cell's track."""

from collections.abc import Iterable

from haqa_bench import tracks
from haqa_bench.cell import Cell, Workload
from haqa_bench.suite import TUNED_ON_TESTS
from haqa_bench.tracks.memory.track import is_memory
from haqa_bench.tracks.memory.workload import MemoryWorkload


def name_of(cell: Cell) -> str:
    """What the table of its track is called: as the paper's, or as the track."""
    return tracks.of(cell).published or cell.track


def part(cell: Cell) -> str:
    """The part of a model that it is of, such as a kernel; empty for the whole."""
    return tracks.of(cell).part(cell.workload)


def sizes(cell: Cell) -> dict[str, int]:
    """The sizes of the part of a model that it is of, by name; none for the whole."""
    shape: dict[str, object] = cell.workload.model_dump().get("shape", {})
    return {name: size for name, size in shape.items() if isinstance(size, int)}


def guessing(cell: Cell) -> str:
    """What guessing gives in its tests, in words; empty where nothing is tested."""
    chance = tracks.of(cell).chance(cell)
    return "" if chance is None else f"guessing gives {chance:.2f} %"


RANDOM = "weights: random"
"""Stands wherever a number is printed of a model whose weights were made up in its sizes."""


def has_random_weights(cell: Cell) -> bool:
    """Whether its model's weights are random: then its numbers are of speed and memory alone."""
    return cell.model.synthetic


AMOUNTS = (
    "data",
    "images",
    "epochs",
    "examples",
    "items",
    "n_prompt",
    "n_generate",
    "depth",
    "n_ctx",
)
"""Fields of workloads that say how much is trained, tested or run."""


def _told(amount: object) -> str:
    return f"{amount:g}" if isinstance(amount, float) else str(amount)


def amounts(cell: Cell) -> str:
    """How much is trained, tested or run in one trial, in words; and what is run when winners meet
    the default again, where that differs.
    """
    tuned, again = _amounts(cell.workload), _amounts(cell.confirming.workload)
    others = [f"{name} {told}" for name, told in again.items() if told != tuned.get(name)]
    said = ", ".join(f"{name} {told}" for name, told in tuned.items())
    return f"{said}; confirmed with {', '.join(others)}" if others else said


def _amounts(workload: Workload) -> dict[str, str]:
    found = workload.model_dump()
    return {name: _told(found[name]) for name in AMOUNTS if found.get(name)}


def lengths(cells: Iterable[Cell]) -> list[str]:
    """A sentence for what is tuned on one length and confirmed on another; none where all are
    alike.
    """
    told: dict[str, list[str]] = {}
    for cell in cells:
        if cell.confirming is not cell:
            told.setdefault(amounts(cell), []).append(cell.id)
    return [f"{', '.join(ids)}: tuned with {said}." for said, ids in told.items()]


def tested_on(cells: Iterable[Cell]) -> str:
    """With which seeds, and on which items, the winners of cells are tested, in words."""
    seen = {tracks.tuned_on_tests(cell) for cell in cells}
    if seen == {True}:
        return "with seeds that no tuning has seen, on the items that tuning saw"
    but = f" (but items of what is {TUNED_ON_TESTS})" if True in seen else ""
    return f"with seeds and items that no tuning has seen{but}"


def peer(cell: Cell) -> str:
    """What its peer is recorded under; empty where its track has none."""
    found = tracks.of(cell).peer
    return found.key if found else ""


def peer_is_default(cell: Cell) -> bool:
    """Whether its peer is what the paper holds its tuned times against."""
    return tracks.of(cell).peer_is_default(cell.workload)


def decides_bits(cell: Cell) -> bool:
    """Whether its bit-width is a decision, and what it costs a speed; not where speed is one goal
    of several, whose answer is a front.
    """
    one = not cell.objective.also
    whole = cell.bit_width == "any" and cell.objective.unit == "tokens/s" and one
    return whole and bool(tracks.of(cell).published_bit_widths)


def limits(cell: Cell) -> MemoryWorkload | None:
    """What it decides under memory limits; None for cells that measure anything else."""
    return cell.workload if is_memory(cell) else None


def walked(cell: Cell) -> bool:
    """Whether its space is one to walk through, and no list of decisions."""
    return tracks.of(cell).swept
