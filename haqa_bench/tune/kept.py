"""How much of a model's quality is to be kept, as a user says it: 'kl=0.05', 'same=0.9'."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Context
from math import floor
from typing import NamedTuple

from haqa_bench.errors import HaqaError
from haqa_bench.trial import Constraint

OPTION = "--min-quality"
DEFAULT = "kl=0.05"
"""Nats. A guess, to be overruled: what a format of five bits loses of a small model."""
FORM = f"Give a limit such as {DEFAULT}, same=0.9 or perplexity=0.95, several joined by commas"
LEAST = {"kl": 0.0, "same": 0.5, "perplexity": 0.5}
MOST = {"kl": 10.0, "same": 1.0, "perplexity": 1.0}


class Limit(NamedTuple):
    """A limit on what is lost.

    `kl`: nats of divergence from the reference's predictions; `same`: the share of tokens whose
    likeliest next token is the reference's; `perplexity`: the default's over the candidate's.
    """

    name: str
    value: float

    @property
    def constraint(self) -> Constraint:
        """As a suite states it."""
        if self.name == "kl":
            return Constraint(metric="kl_divergence", at_most=self.value)
        if self.name == "same":
            return Constraint(metric="same_first_token", at_least=self.value)
        return Constraint(metric="perplexity", at_most_times_default=round(1 / self.value, 6))

    @property
    def possible(self) -> bool:
        """Whether the option takes it."""
        return LEAST[self.name] <= self.value <= MOST[self.name]

    @property
    def words(self) -> str:
        """As the option takes it."""
        return f"{self.name}={self.value:g}"


def limits(words: str) -> tuple[Limit, ...]:
    """The limits that `words` say; a number alone is one on perplexity.

    Raises:
        HaqaError: they say none, or one that is out of its bounds.
    """
    given = words if "=" in words else f"perplexity={words}"
    found = {one.name: one for one in map(_limit, given.split(","))}
    return tuple(found.values())


def of_constraints(found: Iterable[Constraint]) -> tuple[Limit, ...]:
    """The limits that a suite states; constraints on other metrics are none."""
    return tuple(filter(None, map(_stated, found)))


def _stated(constraint: Constraint) -> Limit | None:
    if constraint.metric == "kl_divergence" and constraint.at_most is not None:
        return Limit("kl", constraint.at_most)
    if constraint.metric == "same_first_token" and constraint.at_least is not None:
        return Limit("same", constraint.at_least)
    if constraint.metric == "perplexity" and constraint.at_most_times_default is not None:
        return Limit("perplexity", round(1 / constraint.at_most_times_default, 5))
    return None


def _limit(words: str) -> Limit:
    name, _, number = (part.strip() for part in words.partition("="))
    try:
        value = float(number)
    except ValueError:
        raise HaqaError(OPTION, f"'{words}' is no limit", FORM) from None
    if name not in LEAST:
        raise HaqaError(OPTION, f"'{name}' is no measure of quality", FORM)
    if not Limit(name, value).possible:
        what = f"{name} is between {LEAST[name]:g} and {MOST[name]:g}, not {number}"
        raise HaqaError(OPTION, what, FORM)
    return Limit(name, value)


def allowing(name: str, value: float, default: float) -> Limit:
    """The limit, in two digits, that would just allow what has such a value of the limit's metric,
    beside the default's.
    """
    if name == "kl":
        return Limit(name, upwards(value))
    share = value if name == "same" else default / value
    return Limit(name, floor(1000 * share) / 1000)


def upwards(value: float) -> float:
    """A number in two digits that is no smaller."""
    return float(Context(prec=2, rounding=ROUND_CEILING).create_decimal(repr(value)))
