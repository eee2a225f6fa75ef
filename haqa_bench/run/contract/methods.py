"""What optimizers and agents promise."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from haqa_bench import registry
from haqa_bench.errors import HaqaError, PluginFailed
from haqa_bench.optimizers.seeding import generator
from haqa_bench.protocols import (
    ChatModel,
    ChatReply,
    ChatRequest,
    Optimizer,
    Position,
    Proposal,
)
from haqa_bench.run import proposing
from haqa_bench.run.contract import Checked
from haqa_bench.run.contract.small import SmallDevice, range_studies, small_studies
from haqa_bench.run.study import run_study
from haqa_bench.space import Scalar, SearchSpace
from haqa_bench.study import Method, Study
from haqa_bench.trial import Status, Trial

CHOICES_ALONE = "If it knows lists of choices alone, it says only_choices = True"
DRAWN = 20
"""Configurations that an LLM is let say of a space with ranges."""


class Willing:
    """A ChatModel that answers every request with a configuration of the space, another each
    round.
    """

    def __init__(self, study: Study) -> None:
        space, rng = study.cell.space, generator(study.seed, 0, "willing")
        every = space.grid() if space.finite else (space.sample(rng) for _ in range(DRAWN))
        self.grid = [dict(c) for c in every]

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel."""
        action = self.grid[position.round % len(self.grid)]
        content = json.dumps({"thought": "", "action": action, "actions": self.grid})
        return ChatReply(content=content, model="willing", finish_reason="stop", latency_s=0.0)


class Watched:
    """An optimizer whose answers are kept as it gave them."""

    settings: Mapping[str, Scalar] = MappingProxyType({})
    start_up = 0

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.given: list[Proposal] = []

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        found = self.optimizer.ask(history)
        self.given += [found] if isinstance(found, Proposal) else []
        return found


class Subject:
    """The optimizer, or agent, of a study's method."""

    def __init__(self, study: Study, templates: Path) -> None:
        self.study, self.space = study, study.cell.space
        self.asks, self.templates = study.method.chat is not None, templates

    def made(self) -> proposing.Promised:
        """It, for the study."""
        chat: ChatModel | None = Willing(self.study) if self.asks else None
        return proposing.made(self.study, chat, self.templates)

    def run(self, earlier: Sequence[Trial] = ()) -> list[Trial]:
        """The study's trials after `earlier`, and these."""
        return [
            *earlier,
            *run_study(self.study, self.made().optimizer, SmallDevice(), earlier),
        ]

    def given(self) -> list[Proposal]:
        """Its proposals as it gave them."""
        watched = Watched(self.made().optimizer)
        list(run_study(self.study, watched, SmallDevice(), ()))
        return watched.given


def _is_made(subject: Subject) -> str:
    subject.made()
    return ""


def _keeps_history(subject: Subject) -> str:
    subject.run()
    return ""


def _plain(subject: Subject) -> str:
    return odd_value(subject.given(), subject.space)


def odd_value(given: Sequence[Proposal], space: SearchSpace) -> str:
    """The first value that the space has in another type, such as np.int64(8) for 8; empty where
    none is. More digits than a range keeps are rounded, and no fault.
    """
    for proposal in given:
        for name, value in (proposal.configuration or {}).items():
            parameter = space.root.get(name)
            meant = parameter.meant(value) if parameter else value
            other = type(meant) is not type(value)
            if parameter and other and not parameter.has(value) and parameter.has(meant):
                return f"{name} is {value!r}, a {type(value).__name__}: give {meant!r}"
    return ""


def _valid(subject: Subject) -> str:
    trials = subject.run()[1:]
    invalid = [trial for trial in trials if trial.status is Status.INVALID]
    if subject.asks or 5 * len(invalid) <= len(trials):
        return ""
    return f"{len(invalid)} of {len(trials)} proposals are invalid; first: {invalid[0].reason}"


def _repeats(subject: Subject) -> str:
    first, second = subject.run(), subject.run()
    return _differ(first, second, "asked twice for the same study")


def _resumes(subject: Subject) -> str:
    whole = subject.run()
    for cut in range(1, len(whole)):
        if fault := _differ(whole, subject.run(whole[:cut]), f"resumed after trial {cut - 1}"):
            return fault
    return ""


def _differ(first: Sequence[Trial], second: Sequence[Trial], when: str) -> str:
    pairs = enumerate(zip(first, second, strict=False))
    number = next((n for n, (a, b) in pairs if a != b), None)
    if number is None:
        return "" if len(first) == len(second) else f"{when}, it ends elsewhere"
    return f"{when}, trial {number} is another: its proposals depend on more than the history"


def _silent(subject: Subject) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        subject.run()
    lines = said.getvalue().splitlines()
    return f"it prints: {lines[0]!r}" if lines else ""


OPTIMIZER: Sequence[tuple[str, Callable[[Subject], str]]] = (
    ("it is made from a study, and has settings and a start-up", _is_made),
    ("it gives Proposals, and leaves what it is handed as it is", _keeps_history),
    ("its values are the space's own, in Python's types", _plain),
    ("most of its proposals are in the space", _valid),
    ("the same study gives the same trials", _repeats),
    ("a resumed study goes on as if it had never stopped", _resumes),
    ("it prints nothing to stdout", _silent),
)


def subjects(method: Method, templates: Path, folder: Path) -> list[Subject]:
    """A method on a space of choices, and, unless it says that it proposes choices alone, on one
    with ranges. What they are of is written to `folder`.
    """
    found = [small_studies(folder)[0]]
    if not registry.only_choices(method):
        found.append(range_studies(folder)[0])
    return [Subject(study._replace(method=method), templates) for study in found]


def of_method(found: Sequence[Subject]) -> Iterator[Checked]:
    """Each rule for optimizers, kept or broken, the first subject that breaks it first; after one
    that it cannot even run, the others are not tried.
    """
    for rule, check in OPTIMIZER:
        fault, ended = _held(found, check)
        yield Checked(rule, fault)
        if ended:
            return


def _held(found: Sequence[Subject], check: Callable[[Subject], str]) -> tuple[str, bool]:
    """How a rule is broken, and whether the optimizer failed over it."""
    for subject in found:
        fault, ended = _held_by(subject, check)
        if fault or ended:
            return (fault if subject.space.finite else f"with ranges: {fault}"), ended
    return "", False


def _held_by(subject: Subject, check: Callable[[Subject], str]) -> tuple[str, bool]:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return check(subject), False
        except PluginFailed as fault:
            return str(fault), True
        except HaqaError as fault:
            unsaid = "" if subject.space.finite else f". {CHOICES_ALONE}"
            return f"{fault}{unsaid}", True
