"""A rule of packs."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from haqa_bench.packs.pack import Pack
from haqa_bench.project import Project


class Problem(NamedTuple):
    """What breaks a rule: where, what it is, and what to do about it."""

    where: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.todo}"


class Rule(NamedTuple):
    """A rule: what it is called, what it asks for, and what breaks it in a pack that would be taken
    into a project.
    """

    name: str
    about: str
    broken: Callable[[Pack, Project], Iterable[Problem]]
    needs_suite: bool = True


AGAIN = "Pack it again with: haqa-bench contribute"
MEASURE = "Measure it again with: haqa-bench tabulate, or run --measure live"
