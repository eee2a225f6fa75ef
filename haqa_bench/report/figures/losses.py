"""How the training loss of a cell fell: of the default, of each method's winner, and of trainings
that diverged. Cells that train nothing have no such figure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from haqa_bench.cell import Cell
from haqa_bench.curves import Point
from haqa_bench.report import methods
from haqa_bench.report.figures import style, subject
from haqa_bench.report.figures.style import Picture
from haqa_bench.report.figures.subject import Subject
from haqa_bench.report.found.trainings import Training, trainings

DEFAULT = "default"
DIVERGED: Any = {"color": style.PALE, "linewidth": 0.6, "marker": "x", "markersize": 4}


def pictures(run: Subject) -> Iterator[Picture]:
    """One for each cell of which a trial tells its learning curve."""
    known = trainings(run.run)
    for cell in run.cells.values():
        if cell.id in known:
            yield _picture(run, cell, known[cell.id])


def winners(run: Subject, found: Sequence[Training]) -> Mapping[str, Training]:
    """The default, and of each method that tunes the training of its best trial; of several
    studies', the best.
    """
    first = next((t for t in found if t.trial.number == 0), None)
    chosen = {DEFAULT: first} if first else {}
    for name in run.methods:
        best = [t for t in found if t.trial.method == name and t.trial.best]
        if best and name not in run.untuned:
            chosen[name] = max(best, key=lambda t: (t.trial.score or 0.0, -t.trial.seed))
    return chosen


def _picture(run: Subject, cell: Cell, found: Sequence[Training]) -> Picture:
    shown, in_epochs = winners(run, found), _in_epochs(found)
    diverged = list({t.curve: t for t in found if t.diverged}.values())
    figure, (axes,) = style.panels(1, style.COLUMN, 1.9, 1)
    axes.set_title(f"{subject.title_of(cell)}\n{subject.device_of(cell.hardware)}")
    axes.set_ylabel("Training loss, nats")
    axes.set_xlabel("Epochs" if in_epochs else "Steps")
    for training in diverged:
        _draw_diverged(axes, training, in_epochs)
    for line in _lines(shown):
        look = style.line(style.look(line[0]))
        axes.plot(*_points(shown[line[0]], in_epochs), **look, markevery=(0, 4), zorder=3)
    style.legend(figure, _handles(run, _lines(shown), bool(diverged)))
    return Picture(f"losses-{cell.id}", figure, _caption(run, cell, shown, diverged, found))


def _lines(shown: Mapping[str, Training]) -> list[list[str]]:
    """The methods whose curves lie on one another, as one line, whose look is the first's."""
    same: dict[tuple[Point, ...], list[str]] = {}
    for name, training in shown.items():
        same.setdefault(training.curve, []).append(name)
    return list(same.values())


def _in_epochs(found: Sequence[Training]) -> bool:
    """Whether all points of all curves say their epoch: batches of other sizes make other steps."""
    return all(point.epoch is not None for training in found for point in training.curve)


def _points(training: Training, in_epochs: bool) -> tuple[list[float], list[float]]:
    places = [(p.epoch if in_epochs else p.step) or 0.0 for p in training.curve]
    return places, [p.loss for p in training.curve]


def _draw_diverged(axes: Axes, training: Training, in_epochs: bool) -> None:
    places, losses = _points(training, in_epochs)
    axes.plot(places, losses, **DIVERGED, markeredgecolor=style.INK, markevery=[-1], zorder=1)


def _handles(run: Subject, lines: Sequence[Sequence[str]], diverged: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], **style.line(style.look(line[0])), label=_named(run, line)) for line in lines
    ]
    if diverged:
        handles.append(Line2D([], [], **DIVERGED, markeredgecolor=style.INK, label="diverged"))
    return handles


def _named(run: Subject, line: Sequence[str]) -> str:
    """The methods on a line; the caption names all where there are many."""
    first, *others = (_label(run, name) for name in line)
    return f"{first} and {len(others)} more" if len(others) > 1 else " = ".join([first, *others])


def _under(run: Subject, lines: Sequence[Sequence[str]]) -> Iterator[str]:
    for line in lines:
        first, *others = (_label(run, name) for name in line)
        if others:
            verb = "lie" if len(others) > 1 else "lies"
            yield f"{', '.join(others)} {verb} under {first}."


def _label(run: Subject, name: str) -> str:
    return DEFAULT if name == DEFAULT else subject.label(run, name)


def _caption(
    run: Subject,
    cell: Cell,
    shown: Mapping[str, Training],
    diverged: Sequence[Training],
    found: Sequence[Training],
) -> str:
    tuned = methods.order(name for name in shown if name != DEFAULT)
    each = [
        f"{_label(run, name)} (seed {shown[name].trial.seed}, trial {shown[name].trial.number})"
        for name in tuned
    ]
    results = [r for r in run.studies if r.cell == cell.id]
    parts = [
        f"Training loss, in nats, while training: {subject.place_of(cell)}.",
        "Each point is the mean loss since the point before: of an epoch, or of a twentieth of all "
        "steps.",
        f"The default, and the best trial of each method: {', '.join(each)}." if each else "",
        *_under(run, _lines(shown)),
        f"Grey, ending in a cross: trainings that did not come to their end ({len(diverged)}), up "
        "to the last loss that is a number."
        if diverged
        else "",
        f"Curves are of {len(found)} trials.",
        subject.measured(run, [cell]),
        subject.numbers(run, results),
        subject.answered(run, results),
    ]
    return " ".join(filter(None, (part.strip() for part in parts)))
