"""One study: ask, evaluate, until the budget is spent; and what it takes to begin or to go on with
it.

What is run is a *plan*: a suite's lock, two switches (who answers, who measures) and the files that
it replays. A study of it gives *entries*, which whoever runs it journals: its header, each trial,
and how it ended.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from haqa_bench import __version__, registry, tracks
from haqa_bench.budget import spent_by
from haqa_bench.cell import Cell
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import ChatFailed, EvaluationFailed, PluginFailed
from haqa_bench.llm import cassette as cassettes
from haqa_bench.llm import recording
from haqa_bench.llm.counted import Counted
from haqa_bench.llm.endpoint import key_variable
from haqa_bench.project import Project
from haqa_bench.protocols import ChatModel, Evaluator, Optimizer, Proposal
from haqa_bench.run import identity, proposing, versions
from haqa_bench.run.header import header
from haqa_bench.run.identity import Identity
from haqa_bench.run.measuring import evaluator_faults, finite, live_evaluator
from haqa_bench.run.proposing import Asked
from haqa_bench.space import key_of
from haqa_bench.store.failures import Failure, failure_of
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
    chat_deadline_s: float | None = None
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
    def replays(self) -> bool:
        """Whether nothing is asked, and nothing measured."""
        return self.agent == "cassette" and self.measure == "recorded"

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


class Header(NamedTuple):
    """How a study begins: the first line of its journal."""

    line: Mapping[str, Any]


class Ended(NamedTuple):
    """How a study ended: what is worth telling of it, and the fault that ended it early."""

    note: str = ""
    failed: Failure | None = None


Entry = Header | Trial | Ended


def entries(
    plan: Plan, study: Study, trials: Sequence[Trial], evaluator: Callable[[], Evaluator]
) -> Iterator[Entry]:
    """The header, then what follows `trials`, which are journalled already. A plug-in or an
    endpoint that fails ends the study.

    Raises:
        HaqaError: a recording is missing or does not fit.
    """
    chat: ChatModel | None = None
    try:
        chat = _chat_model(plan, study, trials) if study.method.chat else None
        yield from _entries(plan, study, trials, evaluator, chat)
    except (PluginFailed, ChatFailed) as fault:
        yield Ended(failed=failure_of(fault))
    finally:
        if isinstance(chat, recording.RecordingChatModel):
            chat.close()


def _entries(
    plan: Plan,
    study: Study,
    trials: Sequence[Trial],
    evaluator: Callable[[], Evaluator],
    chat: ChatModel | None,
) -> Iterator[Entry]:
    counted = Counted(chat) if chat else None
    optimizer, settings, _ = proposing.made(study, counted, plan.places.prompts)
    measuring = evaluator()
    with evaluator_faults(study.cell):
        yield Header(
            header(
                study,
                plan.suite.lock,
                _answered_by(plan, study, chat),
                measuring.whole,
                settings,
                measuring.machine,
                plan.identity([study]),
            )
        )
    doubt = "" if chat else _doubt(study, optimizer, trials)
    yield from run_study(study, optimizer, measuring, trials)
    told = (doubt, _closed(chat), counted.told if counted else "")
    yield Ended("; ".join(filter(None, told)))


def _doubt(study: Study, optimizer: Optimizer, trials: Sequence[Trial]) -> str:
    """What to tell of a study that goes on, and whose optimizer, asked once more for the last trial
    that is journalled, proposes another.
    """
    if len(trials) < 2:
        return ""
    again, last = Asked(study, optimizer).ask(trials[:-1]), trials[-1]
    proposed = again.configuration if again else None
    if (None if proposed is None else key_of(proposed)) == last.key:
        return ""
    return (
        f"{proposing.said(study.method)} is not deterministic: asked again for round "
        f"{last.number}, which is journalled, it proposes otherwise"
    )


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
    trials, spent, asked = list(trials), spent_by(trials), Asked(study, optimizer)
    first: dict[str | None, Trial] = {
        trial.key: trial
        for trial in reversed(trials)
        if trial.key is not None and trial.repeat_of is None
    }
    while study.cell.budget.left(spent) > 0:
        proposal = asked.ask(trials) if trials else Proposal(study.cell.space.default)
        if proposal is None:
            return
        with evaluator_faults(study.cell):
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
        return Trial(
            configuration=None, status=proposal.status, reason=proposal.problem, **proposed
        )
    if earlier := first.get(key_of(proposal.configuration)):
        return earlier.model_copy(update={**proposed, "repeat_of": earlier.number, "seconds": 0.0})
    proposed["configuration"] = dict(proposal.configuration)
    try:
        found = finite(evaluator.measure(dict(proposal.configuration)))
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
        PluginFailed: the evaluator of a plug-in's track cannot be made.
    """
    if plan.measure == "live":
        return live_evaluator(cell)
    with evaluator_faults(cell):
        return tracks.of(cell).recorded(cell, plan.table(cell))


def _chat_model(plan: Plan, study: Study, trials: Sequence[Trial]) -> ChatModel:
    if plan.agent == "cassette":
        match: Literal["request", "place"] = "request" if plan.measure == "recorded" else "place"
        return cassettes.ReplayChatModel(cassettes.read(plan.cassette(study)), study.id, match)
    own = study.method.chat.base_url if study.method.chat else None
    live = proposing.live_chat(
        plan.chat_model,
        own or plan.base_url,
        plan.chat_timeout_s,
        plan.chat_retries,
        plan.chat_deadline_s,
        key_variable(own, plan.base_url),
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
        "templates": _templates(plan, study),
        "plugin": plugin.identity if (plugin := registry.plugin(study.method)) else None,
        "space_sha256": sha256(study.cell.space.model_dump(mode="json")),
        "measurements_sha256": measured,
        "haqa_bench": __version__,
    }


def _templates(plan: Plan, study: Study) -> dict[str, str]:
    """The hashes of the project's templates that a study's agent fills; none of a plug-in's, whose
    words are its own.
    """
    from haqa_bench.optimizers.agent import prompt

    if registry.plugin(study.method):
        return {}
    at_once = study.method.optimizer == "haqa-zero-shot"
    used = prompt.used(plan.places.prompts, study.cell, at_once)
    return {name: digest for name, digest in plan.suite.templates.items() if name in used}


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
