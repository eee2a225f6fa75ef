"""How much of a model's quality is to be kept, as a user says it: 'kl=0.05', 'same=0.9'."""

from collections.abc import Iterable
from math import exp, log
from typing import NamedTuple

from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError
from haqa_bench.trial import Constraint

OPTION = "--min-quality"
DEFAULT = "kl=0.05"
"""Nats. A guess, to be overruled: what a format of five bits loses of a small model."""
FORM = f"Give a limit such as {DEFAULT}, same=0.9 or perplexity=0.95, several joined by commas"
METRICS = {"kl": "kl_perplexity", "same": "tokens_per_same", "perplexity": "perplexity"}
"""What grows with what is lost."""
LEAST = {"kl": 0.0, "same": 0.5, "perplexity": 0.5}
MOST = {"kl": 10.0, "same": 1.0, "perplexity": 1.0}


class Limit(NamedTuple):
    """A limit on what is lost beside the default.

    `kl`: nats of divergence from the reference's predictions, beyond the default's own; `same`: the
    share of tokens whose likeliest next token is the reference's, over the default's; `perplexity`:
    the default's over the candidate's.
    """

    name: str
    value: float

    @property
    def constraint(self) -> JsonObject:
        """As a suite states it: of the metric that grows with what is lost."""
        times = exp(self.value) if self.name == "kl" else 1 / self.value
        return {"metric": METRICS[self.name], "at_most_times_default": round(times, 6)}

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
    names = {metric: name for name, metric in METRICS.items()}
    stated = [(names[c.metric], c.at_most_times_default) for c in found if c.metric in names]
    return tuple(
        Limit(name, round(log(times) if name == "kl" else 1 / times, 5)) for name, times in stated
    )


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


def allowing(name: str, lost: float) -> Limit:
    """The limit, in two digits, that would just allow what loses so much: `lost` is the factor of
    the limit's metric over the default's.
    """
    from math import floor, log10

    if name == "kl":
        value = max(log(lost), 1e-6)
        step = 10 ** (floor(log10(value)) - 1)
        return Limit(name, round((floor(value / step) + 1) * step, 8))
    return Limit(name, floor(1000 / lost) / 1000)
