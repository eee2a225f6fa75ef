"""What models take in each bit-width, against the limits of the memory track (the data of the
paper's table 5).
"""

from collections.abc import Iterator, Mapping, Sequence

from haqa_bench.report import traits
from haqa_bench.report.figures import bars, peaks, style, subject
from haqa_bench.report.figures.bars import Bar
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.answers import answers

Sizes = Mapping[str, Mapping[str, float]]
"""GB by bit-width, by model and device."""


def pictures(run: Subject) -> Iterator[Picture]:
    """One of all cells of the memory track, and one of the peaks that were measured."""
    sizes: dict[str, dict[str, float]] = {}
    limits: set[float] = set()
    for answer in answers(run.run):
        cell = run.cells[answer.cell]
        work = traits.limits(cell)
        limits |= set(work.limits_gb if work else ())
        sizes[f"{cell.model_name} on {subject.device_of(cell.hardware)}"] = {
            bits: mb / 1000 for bits, mb in answer.safe_mb.items()
        }
    if sizes:
        yield _picture(run, sizes, sorted(limits))
    if measured := peaks.picture(run):
        yield measured


def _picture(run: Subject, sizes: Sizes, limits: Sequence[float]) -> Picture:
    several = len({name.partition(" on ")[2] for name in sizes}) > 1
    groups = {
        name if several else name.partition(" on ")[0]: [
            Bar(bits, size, f"{size:.1f}", bars.COLOURS.get(bits, style.PALE))
            for bits, size in of_model.items()
        ]
        for name, of_model in sizes.items()
    }
    largest = max(size for of_model in sizes.values() for size in of_model.values())
    shown = [limit for limit in limits if limit <= largest]
    figure, (axes,) = style.panels(1, style.COLUMN, 0.1 + bars.height(groups), 1)
    bars.draw(axes, groups)
    for limit in shown:
        axes.axvline(limit, color=style.INK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=0.5)
        axes.annotate(
            f"{limit:g}",
            (limit, 1.0),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=style.SMALL,
        )
    axes.set_xlim(0, 1.03 * largest)
    axes.set_xlabel("Safe to plan with, GB (simulated); dashed: limits")
    return Picture("memory", figure, _caption(run, sizes, [x for x in limits if x not in shown]))


def _caption(run: Subject, sizes: Sizes, left_out: Sequence[float]) -> str:
    models = "; ".join(
        f"{name} {', '.join(f'{bits} {gb:.1f} GB' for bits, gb in of_model.items())}"
        for name, of_model in sizes.items()
    )
    parts = [
        "Memory of a process, with a margin of 5 %, of each model and bit-width, "
        "against limits (dashed). 1 GB is 10^9 bytes.",
        "Source: simulated, by llama.cpp's own planning; n: one plan each, "
        "of the same outcome every time.",
        subject.measured(run, run.cells.values()),
        f"{models}.",
        f"Limits above all: {', '.join(f'{limit:g} GB' for limit in left_out)}, not drawn."
        if left_out
        else "",
    ]
    return " ".join(filter(None, parts))
