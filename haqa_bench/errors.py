"""What can go wrong, and who is told.

    HaqaError            for the user: where, what, what to do; one line on stderr, exit code 2
    ├── CassetteMiss     a request that no recorded exchange answers
    ├── TrialMiss        a configuration that no recorded trial is of
    ├── ChatFailed       an endpoint that gave no usable answer
    └── PluginFailed     what a plug-in, or an optimizer, did: it ends its study, the run goes on
    EvaluationFailed     not an error: a configuration that cannot be measured; becomes the trial's
    status

Anything else that escapes is a bug and keeps its traceback.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


class Status(StrEnum):
    """What became of a trial. All but OK are data: metrics are absent, never 0."""

    OK = "ok"
    INVALID = "invalid"  # the proposal was outside the space, or no configuration at all
    CUT_OFF = "cut_off"  # the LLM's tokens ran out before its proposal: its harness' limit
    OVER_BUDGET = "over_budget"  # it would train more than is left, and ends its study
    REFUSED = "refused"  # the tool would not take the setting
    COMPILE_ERROR = "compile_error"
    WRONG_OUTPUT = "wrong_output"  # it ran, and gave something else than the reference
    DIVERGED = "diverged"  # training whose loss is no number, or worse than guessing
    NOT_FINITE = "not_finite"  # what was measured elsewhere is NaN or infinite
    FEWER_LAYERS = "fewer_layers"  # fewer of them lie on the device than were asked for
    SPILLED = "spilled"  # a device's memory was asked for, and some of it is the host's
    SETTING_IGNORED = "setting_ignored"  # it was switched off, and nothing said so
    OOM = "oom"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    KILLED = "killed"

    @property
    def unevaluated(self) -> bool:
        """Whether nothing was proposed that could have been measured."""
        return self in (Status.INVALID, Status.CUT_OFF, Status.OVER_BUDGET)


class HaqaError(Exception):
    """A fault the user can mend: `where` it is, `what` it is, and `todo`, what to do about it."""

    def __init__(self, where: object, what: str, todo: str = "") -> None:
        self.where, self.what, self.todo = _line(str(where)), _line(what), todo
        said = f"{self.where}: {self.what}"
        super().__init__(f"{said.rstrip('.')}. {todo}" if todo else said)

    def __reduce__(self) -> tuple[type["HaqaError"], tuple[str, str, str]]:
        """So that it can cross a process' border."""
        return type(self), (self.where, self.what, self.todo)


def _line(text: str) -> str:
    """In one line, whatever a file's name or its words hold."""
    return text.replace("\n", "\\n")


def nearest(word: str, known: Collection[str]) -> str:
    """What to do about a word that is none of some names: the nearest of them, or all."""
    import difflib  # help does without

    plain = {name.casefold(): name for name in known}
    begun = [name for name in plain if word and name.startswith(word.casefold())]
    near = begun if len(begun) == 1 else difflib.get_close_matches(word.casefold(), plain, 1, 0.5)
    if near:
        return f"Did you mean '{plain[near[0]]}'?"
    return f"Known: {', '.join(known)}" if known else "There is none yet"


class CassetteMiss(HaqaError):
    """A request differs from the recording; the nearest recorded one and a diff follow the first
    line.
    """


class TrialMiss(HaqaError):
    """A configuration was not recorded; the nearest that were are told in the line."""


class ChatFailed(HaqaError):
    """The LLM's endpoint refused, timed out or answered with something that is no chat
    completion.
    """


class PluginFailed(HaqaError):
    """What another package brought, or an optimizer of ours, cannot be loaded, raised something, or
    gave what it must not.
    """


class EvaluationFailed(Exception):
    """A configuration that could not be measured: its `status`, a `reason` for people, the
    `seconds` it took, where they are known, and `facts` of how far it came, such as the learning
    curve of a training that diverged.
    """

    def __init__(
        self,
        status: Status,
        reason: str,
        seconds: float | None = None,
        facts: Mapping[str, str] = NOTHING,
    ) -> None:
        self.status, self.reason, self.seconds = Status(status), reason, seconds
        self.facts = dict(facts)
        super().__init__(f"{status}: {reason}")

    def __reduce__(
        self,
    ) -> tuple[type["EvaluationFailed"], tuple[Status, str, float | None, dict[str, str]]]:
        """So that it can cross a process' border."""
        return type(self), (self.status, self.reason, self.seconds, self.facts)

    def after(self, seconds: float) -> "EvaluationFailed":
        """The same failure, `seconds` after its measurement began."""
        return EvaluationFailed(self.status, self.reason, seconds, self.facts)
