"""A trial: one configuration, what became of it, what was measured, and where each number came
from.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from pydantic import ConfigDict, Field, model_validator

from haqa_bench.documents import Document
from haqa_bench.errors import Status as Status  # told here too: it is a trial's
from haqa_bench.space import Scalar, key_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = TypeVar("Values", float, "NDArray[np.float64]")
FORMS = ("at_most_times_default", "at_most", "at_least")
"""How a constraint may say its limit."""
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
    """A limit on a metric, in one of three forms: at most so many times what the default
    configuration (trial 0) gave, or at most, or at least, a number in the metric's unit.

    Where the default itself is beyond a number, what is no worse than the default counts too.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [f]} for f in FORMS]})

    metric: str
    at_most_times_default: float | None = Field(default=None, exclude_if=lambda n: n is None)
    at_most: float | None = Field(default=None, exclude_if=lambda n: n is None)
    at_least: float | None = Field(default=None, exclude_if=lambda n: n is None)

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        given = [form for form in FORMS if getattr(self, form) is not None]
        if len(given) != 1:
            told = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"{self.metric}: give one limit of {', '.join(FORMS)}; {told}")
        return self

    @property
    def words(self) -> str:
        """For people, an agent among them."""
        return f"{self.metric} {self._limit}"

    @property
    def _limit(self) -> str:
        if self.at_most_times_default is not None:
            return f"at most {self.at_most_times_default:g} times the default's"
        if self.at_most is not None:
            return f"at most {self.at_most:g}, or the default's where that is more"
        return f"at least {self.at_least:g}, or the default's where that is less"

    def over(self, value: Values, reference: float | None) -> Values | None:
        """How far a value is over the limit, where the default gave `reference`: relative to that,
        or to a limit that is a number, unless it is 0. At most 0 keeps the limit; None where it
        cannot be told.
        """
        if self.at_most_times_default is None:
            limit = self._number(reference)
            over = limit - value if self.at_most is None else value - limit
            return over / abs(limit) if limit else over
        if reference is None:
            return None
        if reference > 0:
            return value / reference - self.at_most_times_default
        over = value - self.at_most_times_default * reference
        return over / abs(reference) if reference else over

    def _number(self, reference: float | None) -> float:
        """The limit that is a number, or what the default gave where that is worse."""
        known = [n for n in (self.at_most, self.at_least, reference) if n is not None]
        return max(known) if self.at_least is None else min(known)

    def excess(self, trial: Trial, default: Trial) -> float | None:
        """How far `trial` is over the limit; None where it cannot be told. See `over`."""
        value = trial.value(self.metric)
        return None if value is None else self.over(value, default.value(self.metric))

    def violation(self, trial: Trial, default: Trial) -> str:
        """How `trial` breaks the limit, in words; empty where it does not, as far as is known."""
        excess = self.excess(trial, default)
        if excess is None or excess <= 0:
            return ""
        if self.at_most_times_default is not None:
            times = self.at_most_times_default
            return f"{self.metric} {times + excess:.3f} times the default's, limit {times:g}"
        return f"{self.metric} {trial.value(self.metric):.6g}, limit: {self._limit}"


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
        found = (limit.violation(trial, default) for limit in self.constraints)
        return [words for words in found if words]

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The best trial that was measured and breaks no constraint; the earliest among equals."""
        scored = [
            (s, -t.number, t)
            for t in trials
            if (s := self.score(t)) is not None and not self.violations(t, trials[0])
        ]
        return max(scored, key=lambda entry: entry[:2])[2] if scored else None
