"""What the values of a parameter are: numbers, truth values or text.

Text that reads as a number is one, and `1` and `1.0` are the same: whole where all of a column
are. `true` and `false` are truth values where a column has nothing else. What is blank is the
choice `none`. A number that a suite cannot hold exactly, or with zeros before it, stays text.
"""

import datetime
import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from haqa_bench.parameters import MOST
from haqa_bench.space import Scalar
from haqa_bench.store.own_tables.frame import Codes, Column

BLANK = "none"
"""The choice that stands for an empty field."""
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST = 20
"""Characters of the longest whole number; Python refuses to read very long ones."""
TRUTHS: Mapping[str, bool] = {"true": True, "false": False}


class Choices(NamedTuple):
    """The values of a parameter: numbers in their order, all else as it first occurs; and of each
    row the number of its value.
    """

    values: Sequence[Scalar]
    codes: Codes


def choices(column: Column) -> Choices:
    """The choices of a column."""
    scalars = typed(column.values)
    used = np.unique(column.codes)
    known: dict[tuple[type, Scalar], Scalar] = {}
    for code in used:  # a dictionary may hold values that no row has
        known.setdefault((type(scalars[code]), scalars[code]), scalars[code])
    values = list(known.values())
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        values.sort()
    place = {(type(v), v): number for number, v in enumerate(values)}
    renamed = np.array([place.get((type(s), s), 0) for s in scalars], np.int64)
    return Choices(values, renamed[column.codes])


def typed(values: Sequence[object]) -> list[Scalar]:
    """Values of a file as choices."""
    plain = [_plain(value) for value in values]
    said = [v for v in plain if v != BLANK]
    if said and all(isinstance(v, str) and v.casefold() in TRUTHS for v in said):
        return [TRUTHS.get(v.casefold(), BLANK) if isinstance(v, str) else v for v in plain]
    numbers = [_number(v) for v in plain]
    whole = all(n is None or _is_whole(n) for n in numbers)
    return [
        value if number is None else int(number) if whole else float(number)
        for value, number in zip(plain, numbers, strict=True)
    ]


def _plain(value: object) -> Scalar:
    """A value as a scalar, text without blanks around it."""
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return BLANK
    if isinstance(value, str):
        return value.strip() or BLANK
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    kept = isinstance(value, bool | int | float) and abs(value) <= MOST
    return value if kept else str(value)  # type: ignore[return-value] # kept is a number


def _number(value: Scalar) -> int | float | None:
    """A value as a number that a suite holds; None where it is none."""
    if isinstance(value, bool) or (isinstance(value, str) and not NUMBER.fullmatch(value)):
        return None
    if isinstance(value, str) and value.lstrip("+-").isdecimal():
        return int(value) if len(value) <= LONGEST and abs(int(value)) <= MOST else None
    number = float(value)
    if not math.isfinite(number) or (number.is_integer() and abs(number) > MOST):
        return None
    return int(number) if number.is_integer() else number


def _is_whole(number: int | float) -> bool:
    return isinstance(number, int)
