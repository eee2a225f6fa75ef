"""A trial: one configuration, what became of it, what was measured, and where each number came
from.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import Field

from haqa_bench.documents import Document
from haqa_bench.errors import Status as Status  # told here too: it is a trial's
from haqa_bench.space import Scalar, key_of

TAKEN = "process_s"
"""The reading of a response table that says what a configuration's process took, whatever came of
it.
"""


class Source(StrEnum):
    """Where a number came from. Printed with it, always."""

    MEASURED = "measured"
    REPLAYED = "replayed"
    IMPORTED = "imported"
    """Somebody else's, read from a file that the facts of its trial name."""
    SIMULATED = "simulated"
    PUBLISHED = "published"


class Measurement(Document):
    """A named value with its unit. `samples` are all raw readings in the order taken, `used` of
    which `value` was estimated from.
    """

    name: str
    value: float
    unit: str
    source: Source
    samples: tuple[float, ...]
    used: int


class Usage(Document):
    """What an LLM's proposal cost, its repair attempts included. None where the endpoint does not
    say, or no price is known.
    """

    seconds: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    dollars: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens read and written, as far as they are known."""
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)


class Trial(Document):
    """The `number`-th proposal of a study and its outcome.

    A repeat of an earlier trial carries that trial's outcome and its number in `repeat_of`: one
    proposal, no evaluation.
    """

    number: int
    configuration: dict[str, Scalar] | None
    status: Status
    reason: str = ""
    measurements: tuple[Measurement, ...] = ()
    repeat_of: int | None = None
    thought: str = ""
    attempts: int = 1
    facts: dict[str, str] = Field(default_factory=dict)
    """What took effect: settings read back from the tool, tensor types of the file, build."""
    seconds: float | None = None
    """What the evaluation took, or took when it was recorded; None where that is not known, 0 for a
    repeat.
    """
    usage: Usage | None = None
    rank: int | None = None
    """Its place among the whole response table's feasible configurations, 1 for the best; None
    outside them, or without a table.
    """

    @cached_property
    def key(self) -> str | None:
        """Equal for equal configurations; None without one."""
        return None if self.configuration is None else key_of(self.configuration)

    def value(self, metric: str) -> float | None:
        """The value of a metric, or None where the trial has none."""
        return next((m.value for m in self.measurements if m.name == metric), None)


class Constraint(Document):
    """A metric may be at most so many times what the default configuration (trial 0) gave."""

    metric: str
    at_most_times_default: float

    def excess(self, trial: Trial, default: Trial) -> float | None:
        """How far `trial` is over the limit, relative to the default's value unless that is 0 (at
        most 0 keeps it); None where it cannot be told.
        """
        value, reference = trial.value(self.metric), default.value(self.metric)
        if value is None or reference is None:
            return None
        if reference > 0:
            return value / reference - self.at_most_times_default
        over = value - self.at_most_times_default * reference
        return over / abs(reference) if reference else over


class Goal(Document):
    """A metric to be made large or small."""

    metric: str
    unit: str = ""
    """The metric's own, where a suite leaves it out."""
    direction: Literal["maximize", "minimize"] | None = None
    """The metric's own, where a suite leaves it out."""

    def score(self, trial: Trial) -> float | None:
        """The metric's value, larger is better; None without one."""
        value = trial.value(self.metric)
        return None if value is None else -value if self.direction == "minimize" else value


class Objective(Goal):
    """What a study optimises, and which results count.

    With further goals in `also`, TPE, NSGA-II, the GP and the agent seek the front of all goals;
    other methods, and tables of one number, go by the first.
    """

    constraints: tuple[Constraint, ...] = ()
    also: tuple[Goal, ...] = ()

    @property
    def goals(self) -> tuple[Goal, ...]:
        """All goals, the first first."""
        return (self, *self.also)

    def scores(self, trial: Trial) -> tuple[float, ...] | None:
        """The score of each goal; None where one is missing."""
        known = tuple(s for g in self.goals if (s := g.score(trial)) is not None)
        return known if len(known) == len(self.goals) else None

    def violations(self, trial: Trial, default: Trial) -> list[str]:
        """Which constraints `trial` breaks, in words."""
        return [
            f"{c.metric} {c.at_most_times_default + e:.3f} times the default's, limit "
            f"{c.at_most_times_default:g}"
            for c in self.constraints
            if (e := c.excess(trial, default)) is not None and e > 0
        ]

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The best trial that was measured and breaks no constraint; the earliest among equals."""
        scored = [
            (s, -t.number, t)
            for t in trials
            if (s := self.score(t)) is not None and not self.violations(t, trials[0])
        ]
        return max(scored, key=lambda entry: entry[:2])[2] if scored else None
