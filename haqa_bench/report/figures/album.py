"""Everything that a run can be drawn as, in a folder. Matplotlib is imported when that is asked
for, and not before.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench.errors import HaqaError, nearest
from haqa_bench.installed import extra, missing
from haqa_bench.project import Project, Run, open_run

if TYPE_CHECKING:
    from haqa_bench.report.figures.style import Drawing, NotDrawn

KINDS = {
    "glance": "glance",
    "gains": "gains",
    "paper": "paper",
    "ranks": "ranks",
    "bitwidths": "bitwidths",
    "memory": "memory",
    "front": "fronts",
    "curves": "curves",
    "losses": "losses",
    "landscape": "landscapes",
    "ranges": "ranges",
}
"""The kinds of figures, each with the module that draws it; names of files begin with them."""


class Album(NamedTuple):
    """The names of what was drawn, and what would have shown nothing."""

    drawn: Sequence[str]
    left_out: Sequence["NotDrawn"]


def kinds(wanted: str) -> list[str]:
    """The kinds that a list with commas names; all where it is empty.

    Raises:
        HaqaError: one is none (names the nearest).
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in KINDS:
            raise HaqaError("--only", f"no figure is called '{name}'", nearest(name, KINDS))
    return names or list(KINDS)


def write(run: Run, project: Project, target: Path, only: Sequence[str] = tuple(KINDS)) -> Album:
    """Draws a run into `target`: of each figure a PDF, an SVG, a PNG and its caption; of the kinds
    in `only`.

    Raises:
        HaqaError: matplotlib is missing, or the run or a response table cannot be read.
    """
    needs_matplotlib()
    from haqa_bench.report.figures import style

    names, left_out = [], []
    with style.applied():
        for drawing in drawings(run, project, only):
            if isinstance(drawing, style.NotDrawn):
                left_out.append(drawing)
                continue
            target.mkdir(parents=True, exist_ok=True)
            style.save(drawing, target)
            names.append(drawing.name)
    return Album(names, left_out)


def write_overview(folders: Mapping[Path, Project], target: Path) -> Album:
    """Draws several runs, each of its project, into `target` as one picture: all at a glance.

    Raises:
        HaqaError: matplotlib is missing, or a run cannot be read.
    """
    needs_matplotlib()
    from haqa_bench.report.figures import overview, style, subject

    parts, notes = [], []
    for folder, project in folders.items():
        with open_run(folder) as run:
            drawn = subject.read(run, project)
            parts += overview.parts(drawn)
            notes.append(overview.note(drawn))
    with style.applied():
        picture = overview.picture(parts, notes)
        if picture is None:
            return Album([], [style.NotDrawn("glance", "No run has a method to compare.")])
        target.mkdir(parents=True, exist_ok=True)
        style.save(picture, target)
    return Album([picture.name], [])


def needs_matplotlib() -> None:
    """Raises HaqaError where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise missing("matplotlib", "--figures", extra("figures")) from None


def drawings(run: Run, project: Project, only: Sequence[str] = tuple(KINDS)) -> Iterator["Drawing"]:
    """Each figure of a run, drawn but not written; and each that would show nothing."""
    from haqa_bench.report.figures import subject

    drawn = subject.read(run, project)
    for name in only:
        module = importlib.import_module(f"haqa_bench.report.figures.{KINDS[name]}")
        yield from module.pictures(drawn)
