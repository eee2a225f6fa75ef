"""What a person says of a file on the command line: metrics, the default, what is limited."""

import csv
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.errors import HaqaError
from haqa_bench.store.own_tables.frame import Direction
from haqa_bench.store.tables import TAKEN

DIRECTIONS: Mapping[str, Direction] = {
    "max": "maximize",
    "maximize": "maximize",
    "maximise": "maximize",
    "min": "minimize",
    "minimize": "minimize",
    "minimise": "minimize",
}
OWN = (TAKEN, "others_share")
"""Metrics that mean something of their own in a response table."""
_LIMIT = re.compile(r"(?P<metric>.+?)\s*<=\s*(?P<most>[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?)(?P<x>x?)")


class Metric(NamedTuple):
    """A metric, its unit, `1` where it has none, and which way is better."""

    name: str
    unit: str
    direction: Direction


class Most(NamedTuple):
    """What a metric may be at most: so many times the default's value, or so much."""

    metric: str
    most: float
    of_default: bool


def metrics(text: str) -> list[Metric]:
    """Metrics as --metrics says them: NAME:UNIT:DIRECTION, parted by commas.

    Raises:
        HaqaError: one is not of that form, or there are two of a name.
    """
    found = [_metric(part) for part in words(text)]
    names = [metric.name for metric in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise HaqaError("--metrics", f"'{twice[0]}' is named twice")
    return found


def _metric(text: str) -> Metric:
    name, _, direction = (part.strip() for part in text.rpartition(":"))
    if direction not in DIRECTIONS or not name:
        what = f"'{text}' does not say which way is better"
        raise HaqaError("--metrics", what, "Write NAME:UNIT:max or NAME:UNIT:min")
    name, _, unit = name.rpartition(":") if ":" in name else (name, "", "")
    if name in OWN:
        raise HaqaError("--metrics", f"'{name}' has a meaning of its own", "Rename the column")
    return Metric(name.strip(), unit.strip() or "1", DIRECTIONS[direction])


def words(text: str | None) -> list[str]:
    """What is parted by commas; in quotes where it has one."""
    if not text:
        return []
    (found,) = csv.reader([text.replace("\n", " ")], skipinitialspace=True)
    return [word.strip() for word in found if word.strip()]


def values(text: str) -> Mapping[str, str]:
    """A configuration as --default says it: a=1,b=2.

    Raises:
        HaqaError: a part is no NAME=VALUE.
    """
    pairs = [word.partition("=") for word in words(text)]
    for name, equals, _ in pairs:
        if not equals:
            raise HaqaError("--default", f"'{name}' is no NAME=VALUE", "Write it as a=1,b=2")
    return {name.strip(): value.strip() for name, _, value in pairs}


def limits(given: Sequence[str]) -> list[Most]:
    """Limits as --limit says them: 'p99<=1.2x', times the default's, or 'p99<=200'.

    Raises:
        HaqaError: one is not of that form.
    """
    return [_limit(text) for text in given]


def _limit(text: str) -> Most:
    found = _LIMIT.fullmatch(text.strip())
    if found is None:
        what = f"'{text}' is no limit that a suite knows"
        raise HaqaError("--limit", what, "Write 'p99<=1.2x' (of the default's), or 'p99<=200'")
    return Most(found["metric"], float(found["most"]), bool(found["x"]))
