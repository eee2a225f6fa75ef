"""What to know of a table of best results, below it: a few lines in short, the rest where it is
wide.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Protocol

from haqa_bench import tracks
from haqa_bench.arithmetic.estimate import QUIET, RATES, SPEEDS, estimate
from haqa_bench.cell import Cell
from haqa_bench.report import statistics, traits, verdict
from haqa_bench.report.found import answered, ranges, stated
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.kernel_rooflines import Roof
from haqa_bench.report.found.overlap import Overlap
from haqa_bench.report.found.pairs import Pairs
from haqa_bench.report.found.pairs import Verdict as PairsVerdict
from haqa_bench.report.found.tests import Tests
from haqa_bench.report.found.weights import spelled
from haqa_bench.report.tables.best_found_rows import CHANCE, EXACT, Beside, Kind
from haqa_bench.report.tables.table import count, rounded
from haqa_bench.space import key_of


def estimator(unit: str) -> str:
    """How a configuration's own number is made of its samples, where they are speeds or times."""
    quartile = "upper quartile (75th" if unit in RATES else "lower quartile (25th"
    return (
        f"each configuration's own number is the {quartile} percentile) of its samples, those left "
        f"out of which others took more than {100 * QUIET:g} % of the machine"
    )


class Answered(Protocol):
    """A study, or several of a method, on a cell."""

    @property
    def cell(self) -> str:
        """The cell's id."""
        ...

    @property
    def method(self) -> str:
        """What proposed."""
        ...

    @property
    def answered_by(self) -> str:
        """Who or what answered; empty where no LLM was asked."""
        ...


def notes(found: Sequence[Best], kind: Kind, beside: Beside) -> list[str]:
    """What everybody has to know: what a number is, its source, who answered, and the verdicts."""
    return [
        _what(found, kind),
        *_winners(found, kind, beside),
        *stated.sentences(found),
        *_weights(found, kind, beside),
        *answered.sentences(found),
        *copies(found, beside.overlaps),
        *_exact(found, beside),
        *_verdicts(found, beside),
        *_now(found),
    ]


def details(found: Sequence[Best], kind: Kind, beside: Beside) -> list[str]:
    """What the wide form tells too: its columns, rooflines, machines and floors, each cell's
    verdict.
    """
    return [
        *_legend(kind),
        *ranges.sentences(beside.cells[row.cell] for row in found),
        *_rooflines(found, beside),
        *_tests(found, beside),
        *_machines(found, beside.pairs),
        *_each_verdict(found, beside),
    ]


def _what(found: Sequence[Best], kind: Kind) -> str:
    first = found[0]
    what = first.unit if kind.speed else f"{first.metric}, {first.unit}"
    sources = ", ".join(sorted({row.source for row in found if row.source})) or "unknown"
    own = (
        f"; {estimator(first.unit)}" if first.unit in SPEEDS and kind.own else _repeats(found, kind)
    )
    return (
        f"{what}: median over n studies of the best found that keeps every limit{own}. n of the "
        f"default: {_n_of_default(kind)}. *: best of the cell. Source: {sources}."
    )


def _repeats(found: Sequence[Best], kind: Kind) -> str:
    """How the number of an imported configuration is made, where the file repeats it."""
    if kind.own or all((row.default_samples or 1) == 1 for row in found):
        return ""
    lower = "lower quartile (25th percentile)" if found[0].unit in SPEEDS else "median"
    rule = "upper quartile (75th percentile)" if found[0].unit in RATES else lower
    return f"; where the file repeats a configuration, its number is the {rule} of the repeats"


def _n_of_default(kind: Kind) -> str:
    return "seeds that it was tested with" if kind.confirmed == "tests" else "its samples"


def _winners(found: Sequence[Best], kind: Kind, beside: Beside) -> list[str]:
    """What confirmed winners are."""
    cells = {row.cell for row in found}
    if cells & beside.pairs.machines.keys():
        return [
            "Confirmed: winner over default in interleaved pairs, apart from the tuning, a kept "
            "default as 1; in brackets, how many winners' whole 95 % interval is above 1. default: "
            f"it is what to use; {verdict.OF_WINNERS}.",
            *_failed(found, beside),
            *traits.lengths(beside.cells[cell] for cell in beside.cells if cell in cells),
        ]
    if cells & beside.tests.machines.keys():
        return [
            f"Test accuracy: winner trained anew and tested, {_tested_on(cells, beside)}. Against "
            "default, points: in brackets, how many winners are ahead with every seed and by more "
            f"than the 95 % interval over items.{_guessing(found, beside)}"
        ]
    return []


def _failed(found: Sequence[Best], beside: Beside) -> list[str]:
    """That winners failed in pairs, which no number of the others mends."""
    winners = {(row.cell, key_of(json.loads(winner))) for row in found for winner in row.winners}
    failed = [reasons for key, reasons in beside.pairs.failed.items() if key in winners]
    if not failed:
        return []
    pairs = count(sum(map(len, failed)), "pairs", "pair")
    many = count(len(failed), "winners", "winner")
    reason = failed[0][0].splitlines()[0].rstrip(".")
    return [
        f"In {pairs} {many} failed, in place of which the default is kept, whatever the others "
        f"say: {reason}."
    ]


def _tested_on(cells: Iterable[str], beside: Beside) -> str:
    return traits.tested_on(beside.cells[cell] for cell in cells)


def _guessing(found: Sequence[Best], beside: Beside) -> str:
    known = sorted({beside.chances[row.cell] for row in found if row.cell in beside.chances})
    told = " or ".join(rounded(chance, 2) for chance in known)
    return f" {CHANCE.capitalize()} gives {told} %." if known else ""


def _weights(found: Sequence[Best], kind: Kind, beside: Beside) -> list[str]:
    """What a bit-width's name stands for, and what the weights were made from."""
    cells = [beside.cells[name] for name in dict.fromkeys(row.cell for row in found)]
    bits = dict.fromkeys(
        f"{cell.bit_width}: {said}." for cell in cells if (said := tracks.of(cell).bits(cell))
    )
    files = (
        "Bits: bits a weight over the winner's whole file, whatever its format is called. "
        "Perplexity: over the default's."
    )
    alone = _settings_alone(found, kind, beside)
    return [*([files] if kind.files else []), *alone, *bits, *origins(cells)]


def _settings_alone(found: Sequence[Best], kind: Kind, beside: Beside) -> list[str]:
    """What is left of a gain if the format stays as it is, by cell."""
    defaults = {row.cell: row for row in found if row.is_default} if kind.files else {}
    called = spelled(beside.cells, beside.weights)
    models = {name: row.model for name, row in defaults.items()}
    several = len(set(models.values())) > 1
    told = [
        f"{f'{models[row.cell]} at ' if several else ''}"
        f"{called.get(row.cell, row.bit_width)} {gain:.3f}x"
        for row in defaults.values()
        if (gain := _gain_alone(row)) is not None
    ]
    return (
        [
            "At the default's own format, the best runtime settings of the whole table give: "
            f"{', '.join(told)}. Any gain beyond that is another format, with the bits and the "
            "perplexity that are printed beside."
        ]
        if told
        else []
    )


def _gain_alone(row: Best) -> float | None:
    samples = json.loads(row.samples or "{}").get(
        json.loads(row.default_configuration).get("format")
    )
    if not samples or row.default_value is None:
        return None
    best = estimate(samples, row.unit).value
    return statistics.times_better(best, row.default_value, row.direction)


def origins(cells: Sequence[Cell]) -> list[str]:
    """What the weights of each model were made from, as its suite says."""
    return list(
        dict.fromkeys(
            f"{cell.model_name}: {cell.model.about}."
            for cell in cells
            if cell.model.about and (cell.model.gguf or cell.model.transformers)
        )
    )


def _verdicts(found: Sequence[Best], beside: Beside) -> list[str]:
    """Each agent against random search on the same cells, as `compare` says it."""
    return [
        f"{method} against random search, in cells: {_counted(said)}."
        for method, said in _agents(found, beside).items()
    ]


def copies(found: Sequence[Answered], overlaps: Mapping[tuple[str, str], Overlap]) -> list[str]:
    """How much the studies of each agent are worth as evidence."""
    answered_for = {(one.cell, one.method) for one in found if one.answered_by}
    keys = [key for key in overlaps if key in answered_for]
    told = []
    for method in dict.fromkeys(method for _, method in keys):
        of = [overlaps[key] for key in keys if key[1] == method]
        same = sum(one.identical > 0 for one in of)
        shared = median(one.jaccard for one in of)
        who = count(max(one.answerers for one in of), "answerers", "answerer")
        told.append(
            f"{method}: {max(one.studies for one in of)} studies a cell by {who}; two of them "
            f"share {100 * shared:.0f} % of what either proposed (median over cells), and in "
            f"{same} of {count(len(of), 'cells', 'cell')} some are the same throughout."
        )
    return told


def _exact(found: Sequence[Best], beside: Beside) -> list[str]:
    drawn = {row.cell for row in found if row.optimizer == "random"}
    known = [beside.exact[cell] for cell in drawn & beside.exact.keys()]
    if not known:
        return []
    draws = max(one.draws for one in known)
    return [
        f"{EXACT}: what random search finds with {draws} draws, by arithmetic from the whole "
        "response table: median, and from the 5th to the 95th percentile."
    ]


def _counted(said: dict[str, verdict.Verdict]) -> str:
    untested = [v for v in said.values() if v.word == "undecided" and v.p is None]
    few = {v.n for v in untested}
    ahead, of = sum(v.ahead for v in untested), sum(v.n for v in untested)
    why = f" (ahead in {ahead} of {of} pairs of seeds; n = {max(few)} is too few)" if few else ""
    return verdict.counted(said.values()) + why


def _each_verdict(found: Sequence[Best], beside: Beside) -> list[str]:
    return [
        f"{method} against random search: "
        + "; ".join(f"{cell} {told}" for cell, told in said.items())
        + f". {verdict.RULE}."
        for method, said in _agents(found, beside).items()
    ]


def _agents(found: Sequence[Best], beside: Beside) -> dict[str, dict[str, verdict.Verdict]]:
    """The verdict on each agent in each of its cells."""
    said: dict[str, dict[str, verdict.Verdict]] = {}
    for row in found:
        known = beside.verdicts.get((row.cell, row.method))
        if row.answered_by and known:
            said.setdefault(row.method, {})[row.cell] = known
    return said


def _now(found: Sequence[Best]) -> list[str]:
    return [
        f"{cell}: measured now on {machine}."
        for cell, machine in sorted({(r.cell, r.machine) for r in found if r.machine})
    ]


def _legend(kind: Kind) -> list[str]:
    gain = (
        "Speed-up: median over studies of the best found over the same study's default."
        if kind.speed
        else "Gain: the median best less the default, larger is better."
    )
    way = " Of the way: from the default to the best of the whole response table."
    known = (
        "Of optimum: median share of the best value that the whole response table holds, which is "
        "the best of noisy measurements; unknown where none was replayed."
    )
    return [
        f"Range: worst and best study. {gain}{way if kind.listed and not kind.speed else ''}",
        *([known] if kind.listed else []),
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


def _roofline(cell: str, roof: Roof, peer: PairsVerdict | None) -> str:
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
    tests: Tests = beside.tests
    known = [cell for cell in dict.fromkeys(r.cell for r in found) if cell in tests.machines]
    if not known:
        return []
    return [
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
    return notes
