"""A plan: what is to be run, from what, and where it goes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from haqa_bench import registry
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.project import Project
from haqa_bench.run import identity, versions
from haqa_bench.run.identity import Identity
from haqa_bench.study import Study
from haqa_bench.suite import Suite

Measure = Literal["recorded", "live", "surrogate"]
"""What measures: recordings, this machine, or a model that is fitted to recorded trials."""


class Programs(NamedTuple):
    """The programs that may answer as LLMs: the `command` of the command line, for methods that
    name neither their own nor an endpoint, how it is asked, and what `passed` variables it gets.
    """

    command: tuple[str, ...] = ()
    question: Literal["text", "json"] = "text"
    passed: tuple[str, ...] = ()
    allowed: bool = False
    """Whether those that the suite names may be run."""
    beside: Path = Path()
    """The suite's folder, from which the suite names files."""


class Plan(NamedTuple):
    """What to run, and from what. `project` holds prompts/, cassettes/ and results/."""

    suite: Suite
    project: Path
    studies: Sequence[Study]
    agent: Literal["cassette", "live"] = "cassette"
    measure: Measure = "recorded"
    chat_model: str = "openai"
    base_url: str | None = None
    chat_timeout_s: float = 120.0
    chat_retries: int = 3
    chat_deadline_s: float | None = None
    programs: Programs = Programs()
    answered_by: str = ""
    fresh: bool = False
    """Whether a new recording may take the place of a longer one."""
    confirms: bool = True
    """Whether a live run measures its winners again at its end, and the noise floor before."""
    run: str = ""
    """The name of the run's folder, to which its recordings belong; given by the runner."""
    target: Path | None = None
    """The run's folder itself; given by the runner."""

    @property
    def places(self) -> Project:
        """Where everything of the project lies."""
        return Project(self.project)

    def recording(self, cell: Cell) -> Path:
        """Where a cell's response table, or its recorded trials, lie, for every suite that has the
        cell.
        """
        return self.places.recording(cell)

    def cassette(self, study: Study) -> Path:
        """Where the cassette of a study lies, or, where an LLM is asked, will lie: with the run,
        where it is told of simulated numbers, beside which nothing recorded is to stand.
        """
        if self.agent == "live" and self.measure == "surrogate":
            return (self.target or self.folder) / "cassettes" / study.file
        places = self.places.own if self.agent == "live" else self.places
        return places.cassette(study)

    def pairs(self, cell: Cell) -> Path:
        """Where the recorded pairs of a cell's winners with its default lie, if there are any."""
        return self.places.confirmed(cell)

    @property
    def inputs(self) -> list[Path]:
        """The recordings that this run replays."""
        cells = [s.cell for s in self.studies] if self.measure != "live" else []
        replayed = {self.recording(cell) for cell in cells}
        if self.measure == "recorded":
            replayed |= {self.pairs(cell) for cell in cells}
        if self.agent == "cassette":
            replayed |= {self.cassette(s) for s in self.studies if s.method.chat}
        replayed |= {self.places.cassette(s) for study in self.studies for s in study.line[1:]}
        return sorted(replayed)

    @property
    def replays(self) -> bool:
        """Whether nothing is asked, and nothing measured."""
        return self.agent == "cassette" and self.measure != "live"

    @property
    def _libraries(self) -> list[str]:
        """What its proposals are computed with."""
        methods = {study.method.optimizer for study in self.studies}
        return [name for method in methods for name in registry.COMPUTED.get(method, ())]

    @property
    def folder(self) -> Path:
        """Where the run's journals, database and tables go."""
        what: dict[str, object] = {
            "lock": self.suite.lock,
            "studies": sorted(s.id for s in self.studies),
            "agent": self.agent,
            "measure": self.measure,
            "inputs": {
                self.places.said(p): sha256(p.read_bytes()) for p in self.inputs if p.is_file()
            },
        }
        what["identity"] = self.identity(self.studies).to_json()
        what["settings"] = identity.settings(self.studies, self.places.prompts)
        if self.replays and (libraries := versions.of_libraries(self._libraries)):
            what["libraries"] = libraries  # a replay costs little: others compute it anew
        return (
            self.places.runs / self.suite.name / f"{self.agent}-{self.measure}-{sha256(what)[:12]}"
        )

    def identity(self, studies: Iterable[Study]) -> Identity:
        """What makes the numbers of some of its studies."""
        asked = self.agent == "live" and any(s.method.chat for s in studies)
        return identity.of(studies, self.chat_model if asked else "")
