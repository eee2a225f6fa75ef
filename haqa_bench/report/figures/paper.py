"""Figures in the paper's form."""

from collections.abc import Iterator

from haqa_bench.report.figures.style import Drawing
from haqa_bench.report.figures.subject import Subject


def pictures(run: Subject) -> Iterator[Drawing]:
    """None yet."""
    return iter(())
