"""One study: ask, evaluate, until the budget is spent; and what it takes to begin or to go on with
it.

What is run is a *plan*: a suite's lock, two switches (who answers, who measures) and the files that
it replays. A study of it gives *entries*, which whoever runs it journals: its header, each trial,
and how it ended.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from haqa_bench import __version__, registry, tracks
from haqa_bench.budget import spent_by
from haqa_bench.cell import Cell
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import EvaluationFailed
from haqa_bench.llm import cassette as cassettes
from haqa_bench.llm import recording
from haqa_bench.project import Project
from haqa_bench.protocols import ChatModel, Evaluator, Optimizer, Proposal
from haqa_bench.run.header import header
from haqa_bench.space import key_of
from haqa_bench.study import Price, Study
from haqa_bench.suite import Suite
from haqa_bench.trial import Status, Trial, Usage


class Plan(NamedTuple):
    """What to run, and from what. `project` holds prompts/, cassettes/ and results/."""

    suite: Suite
    project: Path
    studies: Sequence[Study]
    agent: Literal["cassette", "live"] = "cassette"
    measure: Literal["recorded", "live"] = "recorded"
    chat_model: str = "openai"
    base_url: str | None = None
    chat_timeout_s: float = 120.0
    chat_retries: int = 3
    answered_by: str = ""
    fresh: bool = False
    """Whether a new recording may take the place of a longer one."""
    run: str = ""
    """The name of the run's folder, to which its recordings belong; given by the runner."""

    @property
    def places(self) -> Project:
        """Where everything of the project lies."""
        return Project(self.project)

    def table(self, cell: Cell) -> Path:
        """Where the response table of a cell lies, for every suite that has the cell."""
        return self.places.table(cell)

    def cassette(self, study: Study) -> Path:
        """Where the cassette of a study lies."""
        return self.places.cassette(study)

    def pairs(self, cell: Cell) -> Path:
        """Where the recorded pairs of a cell's winners with its default lie, if there are any."""
        return self.places.confirmed(cell)

    @property
    def inputs(self) -> list[Path]:
        """The recordings that this run replays."""
        cells = [s.cell for s in self.studies] if self.measure == "recorded" else []
        replayed = {self.table(cell) for cell in cells} | {self.pairs(cell) for cell in cells}
        if self.agent == "cassette":
            replayed |= {self.cassette(s) for s in self.studies if s.method.chat}
        return sorted(replayed)

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
        if changed := registry.revisions(s.method for s in self.studies):
            what["revisions"] = changed  # absent elsewhere, so that begun runs go on
        return (
            self.places.runs / self.suite.name / f"{self.agent}-{self.measure}-{sha256(what)[:12]}"
        )


class Header(NamedTuple):
    """How a study begins: the first line of its journal."""

    line: Mapping[str, Any]


class Ended(NamedTuple):
    """How a study ended: what is worth telling of it."""

    note: str = ""


Entry = Header | Trial | Ended


def entries(
    plan: Plan, study: Study, trials: Sequence[Trial], evaluator: Evaluator
) -> Iterator[Entry]:
    """What follows `trials`, which are journalled already; the header only where there is none yet.

    Raises:
        HaqaError: a recording is missing or does not fit, or an endpoint fails.
    """
    chat = _chat_model(plan, study, trials) if study.method.chat else None
    try:
        yield from _entries(plan, study, trials, evaluator, chat)
    finally:
        if isinstance(chat, recording.RecordingChatModel):
            chat.close()


def _entries(
    plan: Plan,
    study: Study,
    trials: Sequence[Trial],
    evaluator: Evaluator,
    chat: ChatModel | None,
) -> Iterator[Entry]:
    optimizer = registry.optimizer(study, chat, plan.project / "prompts")
    if not trials:
        machine = evaluator.machine
        yield Header(
            header(
                study,
                plan.suite.lock,
                _answered_by(plan, study, chat),
                evaluator.whole,
                optimizer.settings,
                machine,
            )
        )
    yield from run_study(study, optimizer, evaluator, trials)
    yield Ended(_closed(chat))


def finished(plan: Plan, study: Study, trials: Sequence[Trial]) -> bool:
    """Whether `trials` have spent the study's budget."""
    done = bool(trials) and study.cell.budget.left(spent_by(trials)) == 0
    if done and plan.agent == "live" and study.method.chat:
        # it may have been killed after its last trial, before this
        recording.settle(plan.cassette(study), plan.run, _asked(trials))
    return done


def _asked(trials: Sequence[Trial]) -> list[int]:
    """The rounds in which an LLM was asked."""
    return [trial.number for trial in trials if trial.usage is not None]


def run_study(
    study: Study, optimizer: Optimizer, evaluator: Evaluator, trials: Sequence[Trial]
) -> Iterator[Trial]:
    """The trials that follow `trials`, until the budget is spent or the optimizer is done. Trial 0
    is the default.
    """
    trials, spent = list(trials), spent_by(trials)
    first: dict[str | None, Trial] = {
        trial.key: trial
        for trial in reversed(trials)
        if trial.key is not None and trial.repeat_of is None
    }
    while study.cell.budget.left(spent) > 0:
        proposal = optimizer.ask(trials) if trials else Proposal(study.cell.space.default)
        if proposal is None:
            return
        if proposal.configuration is not None and (
            problems := study.cell.space.problems(proposal.configuration)
        ):
            proposal = proposal._replace(configuration=None, problem="; ".join(problems))
        trial = _trial(len(trials), proposal, evaluator, first, study.price)
        if trial.key is not None:
            first.setdefault(trial.key, trial)
        trials.append(trial)
        spent = spent.after(trial)
        yield trial


def _trial(
    number: int,
    proposal: Proposal,
    evaluator: Evaluator,
    first: Mapping[str | None, Trial],
    price: Price | None,
) -> Trial:
    """The trial that a proposal becomes: invalid, a repeat, measured, or failed. `first` has each
    configuration's first trial.
    """
    proposed: dict[str, Any] = {
        "number": number,
        "thought": proposal.thought,
        "attempts": proposal.attempts,
        "usage": _priced(proposal.usage, price),
    }
    if proposal.configuration is None:
        return Trial(configuration=None, status=Status.INVALID, reason=proposal.problem, **proposed)
    if earlier := first.get(key_of(proposal.configuration)):
        return earlier.model_copy(update={**proposed, "repeat_of": earlier.number, "seconds": 0.0})
    proposed["configuration"] = dict(proposal.configuration)
    try:
        found = evaluator.measure(proposal.configuration)
    except EvaluationFailed as failure:
        return Trial(
            status=Status(failure.status),
            reason=failure.reason,
            seconds=failure.seconds,
            **proposed,
        )
    return Trial(
        status=Status.OK,
        measurements=found.measurements,
        facts=dict(found.facts),
        seconds=found.seconds,
        rank=found.rank,
        **proposed,
    )


def _priced(usage: Usage | None, price: Price | None) -> Usage | None:
    if (
        usage is None
        or price is None
        or usage.prompt_tokens is None
        or usage.completion_tokens is None
    ):
        return usage
    read = usage.prompt_tokens * price.usd_per_million_prompt_tokens
    written = usage.completion_tokens * price.usd_per_million_completion_tokens
    return usage.model_copy(update={"dollars": (read + written) / 1e6})


def evaluator_of(plan: Plan, cell: Cell) -> Evaluator:
    """What measures the configurations of a cell.

    Raises:
        HaqaError: the response table is missing, or of another space or workload; or this machine
        lacks what a live measurement needs.
    """
    track = tracks.of(cell)
    if plan.measure == "live":
        return track.evaluator(cell)
    return track.recorded(cell, plan.table(cell))


def _chat_model(plan: Plan, study: Study, trials: Sequence[Trial]) -> ChatModel:
    if plan.agent == "cassette":
        match: Literal["request", "place"] = "request" if plan.measure == "recorded" else "place"
        return cassettes.ReplayChatModel(cassettes.read(plan.cassette(study)), study.id, match)
    live = registry.chat_model(
        plan.chat_model, plan.base_url, plan.chat_timeout_s, plan.chat_retries
    )
    card = _card(plan, study) | {"endpoint": recording.endpoint_of(live)}
    return recording.RecordingChatModel(live, plan.cassette(study), card, _asked(trials))


def _answered_by(plan: Plan, study: Study, chat: ChatModel | None) -> str:
    if study.method.chat is None:
        return ""
    if isinstance(chat, cassettes.ReplayChatModel):
        return str(chat.cassette.card["answered_by"])
    return plan.answered_by or "not stated"


def _card(plan: Plan, study: Study) -> dict[str, object]:
    recorded = plan.measure == "recorded"
    measured = sha256(read_bytes(plan.table(study.cell))) if recorded else "live"
    return {
        "study": study.id,
        "run": plan.run,
        "fresh": plan.fresh,
        "answered_by": plan.answered_by or "not stated",
        "method": study.method.model_dump(mode="json"),
        "templates": plan.suite.templates,
        "space_sha256": sha256(study.cell.space.model_dump(mode="json")),
        "measurements_sha256": measured,
        "haqa_bench": __version__,
    }


def _closed(chat: ChatModel | None) -> str:
    """Ends a study's chat model, and says what is worth telling."""
    if isinstance(chat, recording.RecordingChatModel):
        chat.finish()
        return f"recorded {chat.target}"
    if isinstance(chat, cassettes.ReplayChatModel):
        unused, drifted = chat.unused(), chat.drifted
        told = [f"{len(unused)} recorded exchanges were not asked for"] if unused else []
        rounds = ", ".join(str(position.round) for position in drifted)
        told += (
            [
                f"{len(drifted)} of {len(chat.asked)} prompts differ from the recording "
                f"(measured anew; rounds {rounds})"
            ]
            if drifted
            else []
        )
        return "; ".join(told)
    return ""
