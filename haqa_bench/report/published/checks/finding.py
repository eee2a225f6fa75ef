"""What a check of a published table finds."""

from typing import NamedTuple

EPSILON = 1e-9
"""What floating-point arithmetic may add to a difference of printed numbers."""


class Finding(NamedTuple):
    """What a check found: a sentence, and the arithmetic behind it. `agrees` where nothing stands
    out.
    """

    table: str
    check: str
    agrees: bool
    summary: str
    details: tuple[str, ...] = ()


def last_digit(digits: int) -> float:
    """One in the last of so many digits after the point."""
    return float(10.0**-digits)


def listed(names: list[str]) -> str:
    """Names in a sentence: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
