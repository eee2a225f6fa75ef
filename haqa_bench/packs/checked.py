"""Judges a pack as a reviewer's machine does: every rule, one line each."""

import json
from collections.abc import Sequence
from pathlib import Path

from haqa_bench.packs.pack import opened
from haqa_bench.packs.rules import OURS, RULES, Judged, judge
from haqa_bench.project import Project


def check(path: Path, project: Project, mine: bool = False) -> list[Judged]:
    """What each rule says of the pack at `path`, which would be taken into a project; where it is
    `mine`, those that compare it with what the project has are left out.

    Raises:
        HaqaError: it is no pack.
    """
    with opened(path) as pack:
        return judge(pack, project, OURS if mine else RULES)


def is_sound(found: Sequence[Judged]) -> bool:
    """Whether no rule is broken, nor left unjudged."""
    return all(one.status == "ok" for one in found)


def told(found: Sequence[Judged]) -> list[str]:
    """A line for each rule, and one for each problem of those that are broken."""
    lines = []
    for one in found:
        lines.append(f"{one.status:8} {one.name}: {one.about}")
        lines += [f"         {problem}" for problem in one.problems]
        lines += [f"         and {one.more:,} more"] if one.more else []
    broken = sum(one.status != "ok" for one in found)
    lines.append(
        f"{len(found)} rules, {broken} broken" if broken else f"{len(found)} rules, all ok"
    )
    return lines


def as_json(found: Sequence[Judged]) -> str:
    """The same for scripts."""
    rules = [
        {**one._asdict(), "problems": [problem._asdict() for problem in one.problems]}
        for one in found
    ]
    return json.dumps({"ok": is_sound(found), "rules": rules}, indent=2)
