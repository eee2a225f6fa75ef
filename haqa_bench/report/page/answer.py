"""What a run of one question found, such as which settings serve a model best: the page opens with
it, where there is any.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from haqa_bench.project import Project, Run
from haqa_bench.report.page.origins import Origin
from haqa_bench.report.page.shown import Shown
from haqa_bench.report.tables.table import Table


class Start(NamedTuple):
    """How something is started: with which program, and what to type."""

    program: str
    line: str


class Picture(NamedTuple):
    """A picture in SVG, what it shows, and how it is read."""

    svg: str
    told: str
    key: str


class Answer(NamedTuple):
    """The answer in a sentence, why it is that, what belongs to it, the tables behind it by name,
    how it is put to use, and a picture of it, or none.
    """

    title: str
    reasons: Sequence[str] = ()
    facts: Sequence[Origin] = ()
    tables: Mapping[str, Table] = MappingProxyType({})
    starts: Sequence[Start] = ()
    picture: Picture | None = None


class AnswerShown(NamedTuple):
    """An answer, and its tables ready for the template."""

    said: Answer
    tables: Sequence[Shown]


Answering = Callable[[Run, Project], Answer | None]
"""Finds the answer of a run; None where it has none."""


def unasked(_run: Run, _project: Project) -> None:
    """The answer of a run that was made to compare."""
