"""What was said in the studies of a run, from the cassettes of its project."""

from collections.abc import Sequence
from typing import NamedTuple

from haqa_bench.llm import cassette
from haqa_bench.project import Project, Run
from haqa_bench.study import Study


class Said(NamedTuple):
    """One recorded exchange of an agent study: where it stands, the messages sent as (role,
    content), and the reply.
    """

    round: int
    attempt: int
    messages: Sequence[tuple[str, str]]
    reply: str


class Recording(NamedTuple):
    """A study's cassette: where it lies in its project, and what it holds."""

    path: str
    exchanges: Sequence[Said]


def recordings(run: Run, project: Project) -> dict[str, Recording]:
    """The cassettes that a project has of a run's studies, by the study's id; of a fork, with the
    rounds of the study that it begins as.

    Raises:
        HaqaError: one is damaged.
    """
    found = {}
    for study in run.studies.values():
        path = project.cassette(study)
        if study.method.chat and path.is_file():
            found[study.id] = Recording(project.said(path), _said(study, project))
    return found


def _said(study: Study, project: Project) -> list[Said]:
    path = project.cassette(study)
    before = _said(study.origin, project) if study.origin else []
    own = cassette.read(path).exchanges if path.is_file() else ()
    return [said for said in before if said.round < study.begins] + [
        Said(
            *e.position,
            [(m["role"], m["content"]) for m in e.body["messages"]],
            e.reply.content,
        )
        for e in own
    ]
