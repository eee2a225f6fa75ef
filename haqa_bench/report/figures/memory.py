"""What models take in each bit-width, against the limits of the memory track (the data of the
paper's table 5).
"""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.patches import Patch

from haqa_bench.report import traits
from haqa_bench.report.figures import style
from haqa_bench.report.figures.bitwidths import COLOURS
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.answers import answers

Sizes = Mapping[str, Mapping[str, float]]
"""GB by bit-width, by model and device."""


def pictures(run: Subject) -> Iterator[Picture]:
    """One of all cells of the memory track."""
    sizes: dict[str, dict[str, float]] = {}
    limits: set[float] = set()
    for answer in answers(run.run):
        cell = run.cells[answer.cell]
        work = traits.limits(cell)
        limits |= set(work.limits_gb if work else ())
        sizes[f"{cell.model_name}\n{cell.hardware.name}"] = {
            bits: mb / 1000 for bits, mb in answer.safe_mb.items()
        }
    if sizes:
        yield _picture(sizes, sorted(limits))


def _picture(sizes: Sizes, limits: Sequence[float]) -> Picture:
    bits = list(dict.fromkeys(name for of_model in sizes.values() for name in of_model))
    largest = max(size for of_model in sizes.values() for size in of_model.values())
    shown = [limit for limit in limits if limit <= largest] + [
        limit for limit in limits if limit > largest
    ][:1]
    across = style.COLUMN if len(sizes) < 3 else style.PAGE
    figure, (axes,) = style.panels(1, across, 2.7, 1)
    width = 0.8 / len(bits)
    for place, of_model in enumerate(sizes.values()):
        for step, name in enumerate(bits):
            if name in of_model:
                x = place + (step - (len(bits) - 1) / 2) * width
                axes.bar(
                    x,
                    of_model[name],
                    0.92 * width,
                    color=COLOURS.get(name, style.PALE),
                    hatch=style.SIMULATED,
                    edgecolor="white",
                    lw=0,
                )
                axes.text(
                    x,
                    of_model[name],
                    f"{of_model[name]:.1f}",
                    ha="center",
                    va="bottom",
                    fontsize=style.SMALL,
                    path_effects=style.halo(),
                )
    for limit in shown:
        axes.axhline(limit, color=style.INK, linewidth=0.6, linestyle=(0, (4, 2)), zorder=0.5)
        axes.annotate(
            f"{limit:g} GB",
            (1.01, limit),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=style.SMALL,
        )
    style.name_columns(axes, range(len(sizes)), list(sizes), (across - 0.8) / len(sizes))
    axes.set_ylim(0, 1.03 * max(largest, *shown))
    axes.set_ylabel("Memory that is safe to plan with, GB")
    style.legend(
        figure,
        [
            Patch(
                facecolor=COLOURS.get(n, style.PALE),
                hatch=style.SIMULATED,
                edgecolor="white",
                lw=0,
                label=n,
            )
            for n in bits
        ],
    )
    return Picture(
        "memory", figure, _caption(sizes, [limit for limit in limits if limit not in shown])
    )


def _caption(sizes: Sizes, left_out: Sequence[float]) -> str:
    models = "; ".join(
        f"{name.replace(chr(10), ' on ')} "
        f"{', '.join(f'{bits} {gb:.1f} GB' for bits, gb in of_model.items())}"
        for name, of_model in sizes.items()
    )
    parts = [
        "Memory of a process, with a margin of 5 %, of each model and bit-width, "
        "against limits (dashed). 1 GB is 10^9 bytes.",
        "Source: simulated (hatched), by llama.cpp's own planning; n: one plan each, "
        "of the same outcome every time.",
        f"{models}.",
        f"Limits above all: {', '.join(f'{limit:g} GB' for limit in left_out)}, not drawn."
        if left_out
        else "",
    ]
    return " ".join(filter(None, parts))
