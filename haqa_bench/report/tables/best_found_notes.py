"""What to know of a table of best results, below it."""

from collections.abc import Sequence

from haqa_bench.report.found import answered
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.kernel_rooflines import Roof
from haqa_bench.report.found.pairs import Pairs, Verdict
from haqa_bench.report.tables.best_found_columns import Beside, Kind
from haqa_bench.report.tables.table import count, digits_of, rounded


def notes(found: Sequence[Best], kind: Kind, beside: Beside) -> list[str]:
    """The legend, who answered, where pairs were measured, and agents against random search."""
    return [
        *_legend(found[0], kind),
        *answered.sentences(found),
        *_rooflines(found, beside),
        *_tests(found, beside),
        *_machines(found, beside.pairs),
        *_verdicts(found, beside.pairs),
    ]


def _legend(first: Best, kind: Kind) -> list[str]:
    gain = (
        "speed-up: median over studies of that over the same study's default"
        if kind.speed
        else "gain: that over the default"
    )
    what = first.unit if kind.speed else f"{first.metric}, {first.unit}"
    return [
        f"{what}: median over studies of the best configuration found that breaks no "
        f"constraint; range: worst and best study; {gain}.",
        "Of optimum: median share of the best value that the whole response table "
        "holds; unknown where none was replayed.",
        "Invalid / failed / repeated: proposals outside the space, configurations that "
        "could not be measured, repeats; of all proposals.",
    ]


def _rooflines(found: Sequence[Best], beside: Beside) -> list[str]:
    """What to know of their columns, and each cell's figures."""
    names = dict.fromkeys(row.cell for row in found)
    shown = {cell: beside.roofs[cell] for cell in names if cell in beside.roofs}
    if not shown:
        return []
    verdicts = beside.pairs.verdicts
    return [
        "Of roofline: the least time that bandwidth and peak, as read just before each "
        "sample, allow, of that sample's; median over "
        "samples, then studies. Over 100 %: what is written may stay in a cache, or "
        "reading alone does not reach all that memory gives.",
        "Against ggml: how many times as fast as ggml's own kernel on the same inputs, "
        "both in pairs with the default.",
        *(
            _roofline(cell, roof, verdicts.get((cell, beside.peers.get(cell, ""))))
            for cell, roof in shown.items()
        ),
    ]


def _roofline(cell: str, roof: Roof, peer: Verdict | None) -> str:
    bound = roof.work.bound(roof.bandwidth, roof.peak)
    ggml = f"; ggml takes {peer.value:.1f} us (median of {peer.pairs} pairs)" if peer else ""
    return (
        f"{cell}: {roof.work.bytes / 1e6:.3g} MB and {roof.work.operations / 1e6:.4g} "
        f"million operations, at {roof.bandwidth:.1f} GB/s and "
        f"{roof.peak:.0f} GFLOP/s (n = {roof.readings} readings) at least "
        f"{roof.least_us:.1f} us, bound by {bound}{ggml}."
    )


def _tests(found: Sequence[Best], beside: Beside) -> list[str]:
    """What to know of their columns; none where nothing was tested."""
    tests = beside.tests
    known = [cell for cell in dict.fromkeys(r.cell for r in found) if cell in tests.machines]
    if not known:
        return []
    return [
        "Test accuracy: winners trained anew with seeds that no tuning has seen, and "
        "tested on items that no tuning has seen; mean over "
        "seeds, median over studies; range: worst and best study.",
        "Against default: the same seeds and items; better: ahead with every seed, and "
        "by more than the 95 % interval over items.",
        f"Tests were run on {', '.join(sorted({tests.machines[cell] for cell in known}))}.",
        *(
            f"{cell}: a test failed, and is in no mean: {failure}."
            for cell in known
            for failure in tests.failed.get(cell, ())
        ),
    ]


def _machines(found: Sequence[Best], again: Pairs) -> list[str]:
    notes = []
    cells = list(dict.fromkeys(row.cell for row in found))
    if any(cell in again.machines for cell in cells):
        notes.append(
            "Confirmed: winners in interleaved pairs with the default, apart from the "
            "tuning; median over studies, a kept default "
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


def _verdicts(found: Sequence[Best], again: Pairs) -> list[str]:
    """Each agent against random search on the same cells, in words."""
    randoms = {row.cell: row for row in found if row.optimizer == "random"}
    said: dict[str, list[str]] = {}
    for row in found:
        other = randoms.get(row.cell)
        if row.answered_by and other and row.best is not None and other.best is not None:
            tie = abs(row.best - other.best) <= again.floors.get(row.cell, 0.0) * other.best
            ahead = (row.best > other.best) == (row.direction == "maximize")
            word = "as well as" if tie else "better than" if ahead else "worse than"
            digits = digits_of(row.unit)
            medians = " and ".join(rounded(best, digits) for best in (row.best, other.best))
            told = f"{row.cell}, medians {medians}, n = {row.studies} and {other.studies} studies"
            said.setdefault(f"{row.method} did {word} random search", []).append(told)
    return [
        f"{what} on {count(len(cells), 'cells', 'cell')} (no test below six pairs): "
        f"{'; '.join(cells)}."
        for what, cells in sorted(said.items())
    ]
