"""What to know of a table of best results, below it."""

from collections.abc import Sequence

from haqa_bench.report import roofs, tests
from haqa_bench.report.best import Row
from haqa_bench.report.columns import TRAINED, Beside, count, exact
from haqa_bench.report.pairs import Pairs


def notes(found: Sequence[Row], beside: Beside) -> list[str]:
    """The legend, who answered, where pairs were measured, agents against random search, and
    conflicts in what was published.
    """
    return [
        *_legend(found),
        *roofs.notes(beside.roofs, [row.cell for row in found], beside.again),
        *tests.notes(beside.tests, [row.cell for row in found]),
        *_machines(found, beside.again),
        *_verdicts(found, beside.again),
        *(
            f"Published, CONFLICT, {e.model}: {e.value}; {e.doubt}."
            for e in beside.figure.entries
            if e.doubt
        ),
    ]


def _machines(found: Sequence[Row], again: Pairs) -> list[str]:
    notes = []
    cells = list(dict.fromkeys(row.cell for row in found))
    if any(cell in again.machines for cell in cells):
        notes.append(
            "Measured again: winners in interleaved pairs with the default, apart from the tuning; median over studies, a kept default "
            "as 1; better: the 95 % interval of at least six pairs is above 1."
        )
    for machine in dict.fromkeys(again.machines[cell] for cell in cells if cell in again.machines):
        floors = [
            f"{cell} {100 * again.floors[cell]:.1f} %"
            for cell in cells
            if again.machines.get(cell) == machine and cell in again.floors
        ]
        said = (
            f"; noise floors (the default against itself, as many pairs): {', '.join(floors)}"
            if floors
            else ""
        )
        notes.append(f"Pairs were measured on {machine}{said}.")
    return notes + [
        f"{cell}: measured now on {machine}."
        for cell, machine in sorted({(r.cell, r.machine) for r in found if r.machine})
    ]


def _legend(found: Sequence[Row]) -> list[str]:
    first = found[0]
    gain = (
        "gain: that over the default"
        if first.track in TRAINED
        else "speed-up: median over studies of that over the same study's default"
    )
    what = f"{first.metric}, {first.unit}" if first.track in TRAINED else first.unit
    legend = [
        f"{what}: median over studies of the best configuration found that breaks no constraint; range: worst and best study; {gain}.",
        "Of optimum: median share of the best value that the whole response table holds; unknown where none was replayed.",
        "Invalid / failed / repeated: proposals outside the space, configurations that could not be measured, repeats; of all proposals.",
    ]
    answered: dict[str, set[str]] = {}
    for row in found:
        if row.answered_by:
            answered.setdefault(row.answered_by, set()).add(row.method)
    who = {who: sorted(methods) for who, methods in answered.items()}
    return legend + [
        f"{', '.join(methods)} {'were' if len(methods) > 1 else 'was'} answered by: {name}."
        for name, methods in sorted(who.items(), key=lambda item: item[1])
    ]


def _verdicts(found: Sequence[Row], again: Pairs) -> list[str]:
    """Each agent against random search on the same cells, in words."""
    randoms = {row.cell: row for row in found if row.optimizer == "random"}
    said: dict[str, list[str]] = {}
    for row in found:
        other = randoms.get(row.cell)
        if row.answered_by and other and row.best is not None and other.best is not None:
            tie = abs(row.best - other.best) <= again.floors.get(row.cell, 0.0) * other.best
            ahead = (row.best > other.best) == (row.direction == "maximize")
            word = "as well as" if tie else "better than" if ahead else "worse than"
            medians = " and ".join(exact(value, row.unit) for value in (row.best, other.best))
            told = f"{row.cell}, medians {medians}, n = {row.studies} and {other.studies} studies"
            said.setdefault(f"{row.method} did {word} random search", []).append(told)
    return [
        f"{what} on {count(len(cells), 'cells', 'cell')} (no test below six pairs): {'; '.join(cells)}."
        for what, cells in sorted(said.items())
    ]
