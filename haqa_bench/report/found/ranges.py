"""Which cells have spaces with ranges or a source, of which nobody knows the best."""

from collections.abc import Iterable

from haqa_bench.cell import Cell


def sentences(cells: Iterable[Cell]) -> list[str]:
    """What readers of numbers of these cells have to know: one sentence for each
    kind of space, or none.
    """
    ranged: dict[str, dict[str, None]] = {}
    for cell in cells:
        if not cell.space.finite:
            ranged.setdefault(cell.space.endless, {})[cell.id] = None
    return [
        f"{', '.join(ids)}: the space has {kind}, so nobody knows its best; how near to it a "
        "method came is not told."
        for kind, ids in ranged.items()
    ]
