"""One study: ask, evaluate, until the budget is spent; and what it takes to begin or to go on with
it.

A study of a plan gives *entries*, which whoever runs it journals: its header, each trial, and how
it ended.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from haqa_bench import registry, tracks
from haqa_bench.budget import Spent
from haqa_bench.cell import Cell
from haqa_bench.errors import ChatFailed, EvaluationFailed, PluginFailed
from haqa_bench.llm import recording
from haqa_bench.llm.counted import Counted
from haqa_bench.protocols import ChatModel, Evaluator, Optimizer, Proposal
from haqa_bench.run import answering, forking, surrogate, taking
from haqa_bench.run.header import header
from haqa_bench.run.measuring import InTurn, Turn, evaluator_faults, finite, live_evaluator
from haqa_bench.run.plan import Plan
from haqa_bench.run.pricing import priced
from haqa_bench.run.proposing import Asked
from haqa_bench.space import key_of
from haqa_bench.store.failures import Failure, failure_of
from haqa_bench.study import Study
from haqa_bench.tracks.repeats import MeasuredHere
from haqa_bench.trial import Status, Trial

AT_ANY_TIME = nullcontext()
ANSWERED_S, COMPUTED_S = 0.05, 1.0
"""After how many seconds a study whose proposals an LLM answers, or a method computes, asks again
for its turn: somebody waits for the first, who could answer meanwhile.
"""


class Header(NamedTuple):
    """How a study begins: the first line of its journal."""

    line: Mapping[str, Any]


class Ended(NamedTuple):
    """How a study ended: what is worth telling of it, and the fault that ended it early."""

    note: str = ""
    failed: Failure | None = None


Entry = Header | Trial | Ended


def entries(
    plan: Plan,
    study: Study,
    trials: Sequence[Trial],
    evaluator: Callable[[], Evaluator],
    turn: Path | None = None,
) -> Iterator[Entry]:
    """The header, then what follows `trials`, which are journalled already. A plug-in or an
    endpoint that fails ends the study. Who measures, or computes a proposal, holds `turn`, where
    there is one.

    Raises:
        HaqaError: a recording is missing or does not fit.
    """
    chat: ChatModel | None = None
    try:
        chat = answering.chat_model(plan, study, trials) if study.method.chat else None
        yield from _entries(plan, study, trials, evaluator, chat, turn)
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
    turn: Path | None,
) -> Iterator[Entry]:
    counted = Counted(chat) if chat else None
    alone = Turn(turn, ANSWERED_S if chat else COMPUTED_S) if turn else AT_ANY_TIME
    thinking = AT_ANY_TIME if chat else alone  # an LLM is waited for, and disturbs nothing
    with thinking:
        optimizer, settings, _ = forking.proposer(plan, study, counted)
    measuring = evaluator()
    if isinstance(measuring, MeasuredHere):
        measuring.recall(trials)
    recorder = None
    if taking.takes(plan, study.cell):
        with evaluator_faults(study.cell):
            measuring = recorder = taking.Recorder(plan, study.cell, measuring)
    if turn:
        measuring = InTurn(measuring, alone)
    with evaluator_faults(study.cell):
        yield Header(
            header(
                study,
                plan.suite.lock,
                answering.answered_by(plan, study, chat),
                measuring.whole,
                settings,
                measuring.machine,
                plan.identity([study]),
            )
        )
    with thinking:
        doubt = "" if chat else _doubt(study, optimizer, trials)
    yield from run_study(study, optimizer, measuring, trials, thinking)
    told = (
        doubt,
        answering.closed(chat),
        counted.told if counted else "",
        recorder.told if recorder else "",
    )
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
        f"{registry.said(study.method)} is not deterministic: asked again for round "
        f"{last.number}, which is journalled, it proposes otherwise"
    )


def finished(plan: Plan, study: Study, trials: Sequence[Trial]) -> bool:
    """Whether `trials` have spent the study's budget."""
    done = bool(trials) and study.cell.left(trials, study.cell.budget.spent(trials)) == 0
    if done and plan.agent == "live" and study.method.chat:
        # it may have been killed after its last trial, before this
        recording.settle(plan.cassette(study), plan.run, answering.asked(study, trials))
    return done


def run_study(
    study: Study,
    optimizer: Optimizer,
    evaluator: Evaluator,
    trials: Sequence[Trial],
    thinking: AbstractContextManager[None] = AT_ANY_TIME,
) -> Iterator[Trial]:
    """The trials that follow `trials`, until the budget is spent or the optimizer is done. Trial 0
    is the default. The optimizer is asked within `thinking`.
    """
    budget = study.cell.budget
    trials, spent, asked = list(trials), budget.spent(trials), Asked(study, optimizer)
    first: dict[str | None, Trial] = {
        trial.key: trial
        for trial in reversed(trials)
        if trial.key is not None and trial.repeat_of is None
    }
    while study.cell.left(trials, spent) > 0:
        with thinking:
            proposal = asked.ask(trials) if trials else Proposal(study.cell.space.default)
        if proposal is None:
            return
        with evaluator_faults(study.cell):
            trial = _trial(study, len(trials), proposal, evaluator, first, spent)
        if trial.key is not None:
            first.setdefault(trial.key, trial)
        trials.append(trial)
        spent = spent.after(trial, budget.resource)
        yield trial


def _trial(
    study: Study,
    number: int,
    proposal: Proposal,
    evaluator: Evaluator,
    first: Mapping[str | None, Trial],
    spent: Spent,
) -> Trial:
    """The trial that a proposal becomes: invalid, a repeat, beyond the budget, measured, or failed.
    `first` has each configuration's first trial.
    """
    proposed: dict[str, Any] = {
        "number": number,
        "thought": proposal.thought,
        "attempts": proposal.attempts,
        "usage": priced(study, number, proposal.usage),
    }
    if proposal.configuration is None:
        return Trial(
            configuration=None, status=proposal.status, reason=proposal.problem, **proposed
        )
    if earlier := first.get(key_of(proposal.configuration)):
        return earlier.model_copy(update={**proposed, "repeat_of": earlier.number, "seconds": 0.0})
    proposed["configuration"] = dict(proposal.configuration)
    if over := study.cell.budget.over(spent, proposal.configuration):
        return Trial(status=Status.OVER_BUDGET, reason=over, seconds=0.0, **proposed)
    try:
        found = finite(evaluator.measure(dict(proposal.configuration)))
    except EvaluationFailed as failure:
        return Trial(
            status=Status(failure.status),
            reason=failure.reason,
            facts=failure.facts,
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


def evaluator_of(plan: Plan, cell: Cell) -> Evaluator:
    """What measures the configurations of a cell.

    Raises:
        HaqaError: the response table, or the recorded trials, are missing, or of another space or
        workload; or this machine lacks what a live measurement needs.
        PluginFailed: the evaluator of a plug-in's track cannot be made.
    """
    if plan.measure == "live":
        return live_evaluator(cell, plan.project)
    if plan.measure == "surrogate":
        return surrogate.made(plan, cell)
    with evaluator_faults(cell):
        return tracks.of(cell).recorded(cell, plan.recording(cell))
