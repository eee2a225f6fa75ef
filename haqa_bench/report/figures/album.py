"""Everything that a run can be drawn as, in a folder. Matplotlib is imported when that is asked
for, and not before.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, Run

if TYPE_CHECKING:
    from haqa_bench.report.figures.style import Picture


def write(run: Run, project: Project, target: Path) -> list[str]:
    """Draws a run into `target`: of each figure a PDF, an SVG, a PNG and its caption.
    Returns their names.

    Raises:
        HaqaError: matplotlib is missing, or the run or a response table cannot be read.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise HaqaError(
            "--figures",
            "matplotlib is not installed",
            'Install it with: pip install -e ".[figures]"',
        ) from None
    from haqa_bench.report.figures import style

    names = []
    with style.applied():
        for picture in pictures(run, project):
            target.mkdir(parents=True, exist_ok=True)
            style.save(picture, target)
            names.append(picture.name)
    return names


def pictures(run: Run, project: Project) -> Iterator["Picture"]:
    """Each figure of a run, drawn but not written."""
    from haqa_bench.report.figures import (
        bitwidths,
        curves,
        fronts,
        gains,
        landscapes,
        memory,
        ranks,
        subject,
    )

    drawn = subject.read(run, project)
    kinds = (gains, ranks, bitwidths, memory, fronts, curves, landscapes)
    return chain.from_iterable(kind.pictures(drawn) for kind in kinds)
