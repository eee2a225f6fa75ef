"""What to know of the table of bit-widths as decisions, below it."""

import json
from collections import Counter
from collections.abc import Sequence

from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.arithmetic.token_roofline import break_even
from haqa_bench.project import Run
from haqa_bench.report.found import answered, token_rooflines
from haqa_bench.report.found.format_choices import FormatChoice, facts
from haqa_bench.report.found.overlap import overlaps
from haqa_bench.report.tables.best_found_notes import copies, estimator, origins

NONE = "none"
RESAMPLES = 10_000
BUILD = ("llama_cpp_python", "backends", "build_commit", "gpu_info")
"""Facts of a trial that say what ran it."""


def notes(run: Run, found: Sequence[FormatChoice]) -> list[str]:
    """What the numbers are, which are simulated, and what the weights were made from."""
    cells = [run.cells[name] for name in dict.fromkeys(c.cell for c in found)]
    sources = ", ".join(sorted({c.source for c in found}))
    unit = cells[0].objective.unit
    return [
        "INT8, INT4: the fastest configuration of that bit-width that the whole response table "
        f"holds; {estimator(unit)}. Fastest: of all formats. Source: {sources}.",
        "Order flips, another is faster: how likely that is if all were measured again, by "
        f"{RESAMPLES:,} resamples of their samples, which come from few passes; the truth may be "
        "wider.",
        "Bits a weight: INT8's file and INT4's. Where a model's widths do not divide by 256, "
        "llama.cpp puts other types in K-quants' place. Perplexity: INT4's over INT8's.",
        *origins(cells),
        *_simulated(run, found),
    ]


def details(run: Run) -> list[str]:
    """What the roofline is worth, and what ran."""
    return [*(compared.words() for compared in token_rooflines.compared(run)), *_builds(run)]


def of_choices(run: Run, found: Sequence[FormatChoice]) -> list[str]:
    """What the columns are, who answered, and what was proposed first."""
    return [
        "Format: of the best configuration of each study. Regret: how far it is below the fastest "
        "of the response table. First proposal: before any result but the default's.",
        *answered.sentences(found),
        *copies(found, overlaps(run)),
        *_first_choices(run, found),
    ]


def _first_choices(run: Run, found: Sequence[FormatChoice]) -> list[str]:
    """What agents proposed first: what they know, or what the prompt gives away."""
    agents = [c for c in found if c.answered_by]
    simulated = {c.cell for c in agents if run.cells[c.cell].simulated}
    wheres = (
        (
            [c for c in agents if c.cell not in simulated],
            "measured cells, before any result but the default's",
        ),
        (
            [c for c in agents if c.cell in simulated],
            "simulated cells, where no result is shown at all",
        ),
    )
    return [f"First proposals on {where}: {_firsts(of)}." for of, where in wheres if of]


def _firsts(found: Sequence[FormatChoice]) -> str:
    agents: dict[str, Counter[str]] = {}
    for choice in found:
        bits = bit_width_of(choice.first) if choice.first else NONE
        agents.setdefault(choice.method, Counter())[bits] += 1
    return "; ".join(
        f"{method} {', '.join(f'{n} {bits}' for bits, n in firsts.most_common())}"
        for method, firsts in agents.items()
    )


def _simulated(run: Run, found: Sequence[FormatChoice]) -> list[str]:
    cells = (run.cells[c.cell] for c in found)
    devices = {c.hardware.name: c.hardware for c in cells if c.simulated}
    return [
        f"{name}: simulated by the roofline of its profile; {break_even(device)}."
        for name, device in devices.items()
    ]


def _builds(run: Run) -> list[str]:
    """What the cells ran on, since what is fast changes with it."""
    read = [(fact.cell, json.loads(fact.facts)) for fact in facts(run)]
    built = {
        cell: ", ".join(f"{name} {told[name]}" for name in BUILD if name in told)
        for cell, told in read
    }
    return [
        f"{cell} ran on: {told} (date: haqa-bench explain)." for cell, told in built.items() if told
    ]
