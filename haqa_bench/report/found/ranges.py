"""Which cells have spaces with ranges, of which nobody knows the best."""

from collections.abc import Iterable

from haqa_bench.cell import Cell


def sentences(cells: Iterable[Cell]) -> list[str]:
    """What readers of numbers of these cells have to know: one sentence, or none."""
    ranged = dict.fromkeys(cell.id for cell in cells if not cell.space.finite)
    if not ranged:
        return []
    return [
        f"{', '.join(ranged)}: the space has a range, so nobody knows its best; how near to it a "
        "method came is not told."
    ]
