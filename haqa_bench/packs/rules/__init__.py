"""What a pack must be to be taken in: a list of rules, each of which says what breaks it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from haqa_bench.packs.pack import Pack
from haqa_bench.packs.rules import files, known, machines, origins, roofs, samples, spaces
from haqa_bench.packs.rules.rule import Problem, Rule
from haqa_bench.project import Project

MOST = 5
"""Problems that are told of one rule; the rest is counted."""
OURS: Sequence[Rule] = (
    *files.RULES,
    *origins.RULES,
    *spaces.RULES,
    *samples.RULES,
    *roofs.RULES,
    *machines.RULES,
)
"""Those that a pack keeps wherever it is judged."""
RULES = (*OURS, *known.RULES)
"""All, in a project that would take it in."""


class Judged(NamedTuple):
    """A rule and what came of it; `unjudged` where what it looks at cannot be read."""

    name: str
    about: str
    status: Literal["ok", "broken", "unjudged"]
    problems: Sequence[Problem]
    more: int = 0


def judge(pack: Pack, project: Project, asked: Sequence[Rule] = RULES) -> list[Judged]:
    """Every rule that is asked for on a pack; `project` is the one that would take it in."""
    return [_judged(rule, pack, project) for rule in asked]


def _judged(rule: Rule, pack: Pack, project: Project) -> Judged:
    if rule.needs_suite and pack.suite is None:
        return Judged(rule.name, rule.about, "unjudged", ())
    found: Iterator[Problem] = iter(rule.broken(pack, project))
    told = list(islice(found, MOST))
    more = sum(1 for _ in found)
    return Judged(rule.name, rule.about, "broken" if told else "ok", told, more)
