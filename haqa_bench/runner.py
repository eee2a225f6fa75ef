"""Runs studies: ask, evaluate, journal, until the budget is spent. Every trial is on the disk before the next begins.

What is run is a *run*: a suite's lock, two switches (who answers, who measures) and the files that it replays. Its folder is named
by the hash of all of them, so that the same command goes on where it was stopped, and a changed input starts anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from haqa_bench import __version__, registry
from haqa_bench.documents import canonical, sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.llm import cassette as cassettes
from haqa_bench.protocols import ChatModel, Evaluator, Optimizer, Proposal
from haqa_bench.space import key_of
from haqa_bench.store import database, tables
from haqa_bench.store.journal import Journal
from haqa_bench.suite import Cell, Study, Suite
from haqa_bench.trial import Status, Trial


class Plan(NamedTuple):
    """What to run, and from what. `project` holds prompts/, cassettes/ and results/."""

    suite: Suite
    suite_folder: Path
    project: Path
    studies: Sequence[Study]
    agent: Literal["cassette", "live"] = "cassette"
    measure: Literal["recorded", "live"] = "recorded"
    chat_model: str = "openai"
    base_url: str | None = None
    chat_timeout_s: float = 120.0
    chat_retries: int = 3
    answered_by: str = ""

    def table(self, cell: Cell) -> Path:
        """Where the response table of a cell lies, for every suite that has the cell."""
        return tables.path_of(self.project, cell)

    def cassette(self, study: Study) -> Path:
        """Where the cassette of a study lies."""
        return self.project / "cassettes" / study.file

    @property
    def inputs(self) -> list[Path]:
        """The recordings that this run replays."""
        replayed = {self.table(s.cell) for s in self.studies} if self.measure == "recorded" else set()
        if self.agent == "cassette":
            replayed |= {self.cassette(s) for s in self.studies if s.method.chat}
        return sorted(replayed)

    @property
    def folder(self) -> Path:
        """Where the run's journals, database and tables go."""
        what = {
            "lock": self.suite.lock,
            "studies": sorted(s.id for s in self.studies),
            "agent": self.agent,
            "measure": self.measure,
            "inputs": {p.relative_to(self.project).as_posix(): sha256(p.read_bytes()) for p in self.inputs if p.is_file()},
        }
        return self.project / "results" / "runs" / self.suite.name / f"{self.agent}-{self.measure}-{sha256(what)[:12]}"


class Event(NamedTuple):
    """A trial of a study, or, without one, the study's end with what is worth telling of it."""

    study: Study
    trial: Trial | None
    note: str = ""


def run(plan: Plan, folder: Path, evaluators: Mapping[str, Evaluator] | None = None) -> Iterator[Event]:
    """Runs what is missing of every study into `folder`, then builds its database.

    `evaluators` by cell id take the place of those that the plan names.

    Raises:
        HaqaError: a recording is missing or does not fit, an endpoint fails, or another process runs here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "running.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HaqaError(folder, "another process is running this", "Wait for it, or end it") from None
    with lock:
        (folder / "lock.json").write_bytes(canonical(plan.suite.model_dump(mode="json")))
        made = dict(evaluators or {})
        for study in plan.studies:
            yield from _study(plan, study, folder, made)
        database.build(folder)


def run_study(study: Study, optimizer: Optimizer, evaluator: Evaluator, trials: Sequence[Trial]) -> Iterator[Trial]:
    """The trials that follow `trials`, until the budget is spent or the optimizer is done. Trial 0 is the default."""
    trials = list(trials)
    while study.cell.budget.left(trials) > 0:
        proposal = optimizer.ask(trials) if trials else Proposal(study.cell.space.default)
        if proposal is None:
            return
        trials.append(_trial(len(trials), proposal, evaluator, trials))
        yield trials[-1]


def _trial(number: int, proposal: Proposal, evaluator: Evaluator, earlier: Sequence[Trial]) -> Trial:
    """The trial that a proposal becomes: invalid, a repeat, measured, or failed."""
    proposed = {"number": number, "thought": proposal.thought, "attempts": proposal.attempts}
    if proposal.configuration is None:
        return Trial(number=number, configuration=None, status=Status.INVALID, reason=proposal.problem).model_copy(update=proposed)
    configuration = dict(proposal.configuration)
    for trial in earlier:
        if trial.configuration is not None and key_of(trial.configuration) == key_of(configuration):
            return trial.model_copy(update={**proposed, "repeat_of": trial.number if trial.repeat_of is None else trial.repeat_of})
    try:
        outcome = evaluator.measure(configuration)
    except EvaluationFailed as failure:
        found = Trial(number=number, configuration=configuration, status=Status(failure.status), reason=failure.reason)
    else:
        facts = dict(outcome.facts)
        found = Trial(number=number, configuration=configuration, status=Status.OK, measurements=outcome.measurements, facts=facts)
    return found.model_copy(update=proposed)


def _study(plan: Plan, study: Study, folder: Path, evaluators: dict[str, Evaluator]) -> Iterator[Event]:
    journal = Journal(folder / "journal" / study.cell.id / study.file.name)
    trials = database.trials(journal.path, journal.entries)
    for trial in trials:
        yield Event(study, trial)
    if study.cell.budget.left(trials) == 0:
        if plan.agent == "live" and study.method.chat:
            cassettes.finish(plan.cassette(study))  # killed after the last trial, before this
        yield Event(study, None)
        return
    if study.cell.id not in evaluators:
        evaluators[study.cell.id] = _evaluator(plan, study.cell)
    evaluator = evaluators[study.cell.id]
    if not journal.entries:
        journal.append(database.header(study, plan.suite.lock, _answered_by(plan, study), evaluator.optimum))
    chat = _chat_model(plan, study) if study.method.chat else None
    optimizer = registry.optimizer(study, chat, plan.project / "prompts")
    for trial in run_study(study, optimizer, evaluator, trials):
        journal.append({"kind": "trial", **trial.model_dump(mode="json")})
        yield Event(study, trial)
    yield Event(study, None, _closed(chat))


def table_evaluator(plan: Plan, cell: Cell) -> Evaluator:
    """The response table of a cell as its evaluator.

    Raises:
        HaqaError: the table is missing, or of another space or workload.
    """
    from haqa_bench.evaluators.table import TableEvaluator

    table = tables.read(plan.table(cell))
    tables.check(table, cell)
    return TableEvaluator(table, cell)


def _evaluator(plan: Plan, cell: Cell) -> Evaluator:
    if plan.measure == "live":
        from haqa_bench.evaluators.deploy import DeployEvaluator

        return DeployEvaluator(cell, plan.suite_folder)
    return table_evaluator(plan, cell)


def _chat_model(plan: Plan, study: Study) -> ChatModel:
    if plan.agent == "cassette":
        match: Literal["request", "place"] = "request" if plan.measure == "recorded" else "place"
        return cassettes.ReplayChatModel(cassettes.read(plan.cassette(study)), study.id, match)
    live = registry.chat_model(plan.chat_model, plan.base_url, plan.chat_timeout_s, plan.chat_retries)
    return cassettes.RecordingChatModel(live, plan.cassette(study), _card(plan, study))


def _answered_by(plan: Plan, study: Study) -> str:
    if study.method.chat is None:
        return ""
    if plan.agent == "live":
        return plan.answered_by or "not stated"
    return str(cassettes.read(plan.cassette(study)).card["answered_by"])


def _card(plan: Plan, study: Study) -> dict[str, object]:
    measured = tables.read(plan.table(study.cell)).sha256 if plan.measure == "recorded" else "live"
    return {
        "study": study.id,
        "answered_by": _answered_by(plan, study),
        "method": study.method.model_dump(mode="json"),
        "templates": plan.suite.templates,
        "space_sha256": sha256(study.cell.space.model_dump(mode="json")),
        "measurements_sha256": measured,
        "haqa_bench": __version__,
    }


def _closed(chat: ChatModel | None) -> str:
    """Ends a study's chat model, and says what is worth telling."""
    if isinstance(chat, cassettes.RecordingChatModel):
        chat.finish()
        return f"recorded {chat.target}"
    if isinstance(chat, cassettes.ReplayChatModel):
        unused, drifted = chat.unused(), chat.drifted
        told = [f"{len(unused)} recorded exchanges were not asked for"] if unused else []
        rounds = ", ".join(str(position.round) for position in drifted)
        told += (
            [f"{len(drifted)} of {len(chat.asked)} prompts differ from the recording (measured anew; rounds {rounds})"] if drifted else []
        )
        return "; ".join(told)
    return ""
