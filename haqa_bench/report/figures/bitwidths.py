"""The fastest INT8 and the fastest INT4 of each model on each device (the data of the paper's table
4).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from haqa_bench.arithmetic.estimate import Interval, estimate, interval
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.cell import Cell
from haqa_bench.report.figures import bars, style, subject
from haqa_bench.report.figures.bars import Bar
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.format_choices import format_choices
from haqa_bench.report.found.weights import ByFormat, by_format, label_of_format

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
        devices.setdefault(subject.device_of(cell.hardware), {})[cell.model_name] = _fastest(
            cell, source, samples
        )
    if any(found for models in devices.values() for found in models.values()):
        yield _picture(run, devices)


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


def _picture(run: Subject, devices: Mapping[str, Mapping[str, Sequence[Fastest]]]) -> Picture:
    every = [f for models in devices.values() for found in models.values() for f in found]
    files = by_format(run.run, run.project)
    panels = {device: _groups(models, files) for device, models in devices.items()}
    heights = [0.15 + bars.height(groups) for groups in panels.values()]
    figure = Figure(figsize=(style.COLUMN, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(panels), 1, height_ratios=heights)
    for place, (device, groups) in enumerate(panels.items()):
        axes = figure.add_subplot(grid[place, 0])
        bars.draw(axes, groups)
        sources = sorted({f.source for found in devices[device].values() for f in found})
        axes.set_title(f"{device}: {', '.join(sources)}", pad=9)
    axes.set_xlabel(subject.label_of(every[0].cell.objective))
    return Picture("bitwidths", figure, _caption(run, every))


def _groups(models: Mapping[str, Sequence[Fastest]], files: ByFormat) -> bars.Groups:
    return {
        model: [
            Bar(
                label_of_format(fastest.cell.id, fastest.format, files),
                fastest.value,
                f"{style.digits(fastest.value)}  {fastest.format}",
                bars.COLOURS[fastest.bits],
                fastest.cell.simulated,
                fastest.around,
            )
            for fastest in found
        ]
        for model, found in models.items()
    }


def _caption(run: Subject, every: Sequence[Fastest]) -> str:
    goal = every[0].cell.objective
    files = by_format(run.run, run.project)
    numbers = "; ".join(
        f"{f.cell.model_name} on {subject.device_of(f.cell.hardware)}, "
        f"{label_of_format(f.cell.id, f.format, files)}: {f.format} "
        f"{f.value:.4g} {goal.unit} ({f.source}, n {f.n})"
        for f in every
    )
    return (
        "The fastest configuration of each bit-width that the response table holds and "
        f"that breaks no constraint: {goal.metric} in "
        f"{goal.unit}. "
        "Whiskers: 95 % bootstrap interval of its samples, from four on; hatched: "
        "simulated by the roofline of a device's profile, "
        "not measured, and so without whiskers. n: samples. "
        f"Source: {', '.join(sorted({f.source for f in every}))}. "
        f"{subject.measured(run, {f.cell.id: f.cell for f in every}.values())} {numbers}."
    )
