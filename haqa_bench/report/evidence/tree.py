"""What a printed number was reckoned from, as a tree: steps, each by one rule, down to readings
that were recorded.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

Known: TypeAlias = float | str
"""What is known of something: a number, or a word, such as the format that was chosen."""


class Reading(NamedTuple):
    """Something that was recorded, in `unit`: a sample, a trial's value, a test's items.

    `where` says in which file; one that is not `used` was left out for a `reason`; `source` is
    measured, replayed, imported, simulated or published.
    """

    value: Known | None
    unit: str = ""
    about: str = ""
    where: str = ""
    used: bool = True
    reason: str = ""
    source: str = ""


class Step(NamedTuple):
    """A value that one rule makes of its parts; `rule` is one of rules.RULES."""

    rule: str
    about: str
    value: Known | None
    unit: str
    parts: Sequence["Part"]
    where: str = ""


Part: TypeAlias = Step | Reading


class Evidence(NamedTuple):
    """What stands behind what is printed in a place of a table: of its number, and of both ends
    where it is a range; `besides`, what else its words tell; `studies`, the ids of those that it
    is about.
    """

    number: Part | None = None
    low: Part | None = None
    high: Part | None = None
    besides: Sequence[Part] = ()
    studies: Sequence[str] = ()

    @property
    def parts(self) -> list[Part]:
        """All trees, in the order in which they are told."""
        named = (self.number, self.low, self.high)
        return [part for part in named if part is not None] + list(self.besides)


def used(parts: Sequence[Part]) -> list[Part]:
    """The parts that count: known, and not left out."""
    return [p for p in parts if p.value is not None and (isinstance(p, Step) or p.used)]


def numbers(parts: Sequence[Part]) -> list[float]:
    """The numbers of the parts that count."""
    return [float(p.value) for p in used(parts) if not isinstance(p.value, str | None)]


def texts(parts: Sequence[Part]) -> list[str]:
    """The words of the parts that count."""
    return [p.value for p in used(parts) if isinstance(p.value, str)]


def within(part: Part) -> Iterator[Part]:
    """A part, and all below it."""
    yield part
    if isinstance(part, Step):
        for below in part.parts:
            yield from within(below)
