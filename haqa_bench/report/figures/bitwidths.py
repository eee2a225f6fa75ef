"""The fastest INT8 and the fastest INT4 of each model on each device (the data of the paper's table
4).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from haqa_bench.arithmetic.estimate import Interval, estimate, interval
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.cell import Cell
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.format_choices import format_choices

COLOURS = {"FP16": "#999999", "INT8": "#0072b2", "INT4": "#e69f00"}
BITS = ("INT8", "INT4")


class Fastest(NamedTuple):
    """The fastest format of a bit-width in a cell."""

    cell: Cell
    bits: str
    format: str
    value: float
    around: Interval | None
    n: int
    source: str


def pictures(run: Subject) -> Iterator[Picture]:
    """One of all cells whose bit-width is a decision, a panel a device."""
    devices: dict[str, dict[str, list[Fastest]]] = {}
    for cell, source, samples in {
        c.cell: (run.cells[c.cell], c.source, c.samples) for c in format_choices(run.run)
    }.values():
        devices.setdefault(cell.hardware.name, {})[cell.model_name] = _fastest(
            cell, source, samples
        )
    if any(found for models in devices.values() for found in models.values()):
        yield _picture(devices)


def _fastest(cell: Cell, source: str, samples: Mapping[str, Sequence[float]]) -> list[Fastest]:
    unit = cell.objective.unit
    values = {name: estimate(taken, unit).value for name, taken in samples.items()}
    found = []
    for bits in BITS:
        if formats := [name for name in values if bit_width_of(name) == bits]:
            best = max(formats, key=lambda name: values[name])
            found.append(
                Fastest(
                    cell,
                    bits,
                    best,
                    values[best],
                    interval(samples[best], unit),
                    len(samples[best]),
                    source,
                )
            )
    return found


def _picture(devices: Mapping[str, Mapping[str, Sequence[Fastest]]]) -> Picture:
    every = [f for models in devices.values() for found in models.values() for f in found]
    columns = min(len(devices), 3 if all(len(models) < 3 for models in devices.values()) else 2)
    width = style.COLUMN if columns == 1 else style.PAGE
    figure, panels = style.panels(len(devices), width, 1.9, columns)
    for axes, (device, models) in zip(panels, devices.items(), strict=True):
        axes.set_title(
            f"{device} "
            f"({', '.join(sorted({f.source for found in models.values() for f in found}))})"
        )
        _bars(axes, models)
        style.name_columns(
            axes, range(len(models)), list(models), (width / columns - 0.5) / len(models)
        )
    panels[0].set_ylabel(subject.label_of(every[0].cell.objective))
    patches = [Patch(color=COLOURS[bits], label=f"{bits}, the fastest format") for bits in BITS]
    simulated = [
        Patch(
            facecolor="white", edgecolor=style.INK, hatch=style.SIMULATED, lw=0.5, label="simulated"
        )
    ]
    style.legend(figure, patches + (simulated if any(f.cell.simulated for f in every) else []))
    return Picture("bitwidths", figure, _caption(every))


def _bars(axes: Axes, models: Mapping[str, Sequence[Fastest]]) -> None:
    for place, found in enumerate(models.values()):
        for fastest in found:
            x = place + (-0.2 if fastest.bits == "INT8" else 0.2)
            hatch = style.SIMULATED if fastest.cell.simulated else None
            axes.bar(
                x,
                fastest.value,
                0.37,
                color=COLOURS[fastest.bits],
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
            )
            top = fastest.value
            if fastest.around:
                axes.vlines(x, *fastest.around, color=style.INK, linewidth=0.8)
                top = max(top, fastest.around.high)
            words = f"{style.digits(fastest.value)}\n{fastest.format}"
            axes.annotate(
                words,
                (x, top),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=style.SMALL,
            )
    axes.set_xlim(-0.6, len(models) - 0.4)
    axes.margins(y=0.22)


def _caption(every: Sequence[Fastest]) -> str:
    goal = every[0].cell.objective
    numbers = "; ".join(
        f"{f.cell.model_name} on {f.cell.hardware.name}, {f.bits}: {f.format} "
        f"{f.value:.4g} {goal.unit} ({f.source}, n {f.n})"
        for f in every
    )
    return (
        "The fastest configuration of each bit-width that the response table holds and "
        f"that breaks no constraint: {goal.metric} in "
        f"{goal.unit}. "
        "Whiskers: 95 % bootstrap interval of its samples, from four on; hatched: "
        "simulated by the roofline of a device's profile, "
        f"not measured. n: samples. {numbers}."
    )
