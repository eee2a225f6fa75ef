"""The columns of data frames: what they are called, and what they hold.

Every parameter and every metric is a column of its own name. One that is called as a column of ours
is called `configuration.NAME` or `metric.NAME` instead, so that none hides another.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from haqa_bench.space import Configuration, Scalar
from haqa_bench.trial import Measurement

if TYPE_CHECKING:
    import pandas as pd

PARAMETER, METRIC = "configuration", "metric"
Values = Sequence[Scalar | None]


def of_parameters(
    found: Sequence[Configuration | None], names: Iterable[str], taken: Collection[str]
) -> "dict[str, pd.Series]":
    """A column for each parameter; no value in rows without a configuration."""
    return {
        called(name, PARAMETER, taken): held([c.get(name) if c else None for c in found])
        for name in names
    }


def of_metrics(
    found: Sequence[Sequence[Measurement]], taken: Collection[str]
) -> "dict[str, pd.Series]":
    """A column for each metric that was measured, in its own unit; NaN where it was not."""
    rows = [{m.name: m.value for m in row} for row in found]
    names = dict.fromkeys(name for row in rows for name in row)
    return {called(name, METRIC, taken): numbers([row.get(name) for row in rows]) for name in names}


def units(found: Iterable[Sequence[Measurement]], taken: Collection[str]) -> Mapping[str, str]:
    """The unit of each metric's column."""
    return {called(m.name, METRIC, taken): m.unit for row in found for m in row}


def called(name: str, kind: str, taken: Collection[str]) -> str:
    """The column of a parameter or metric, where some names are taken."""
    return f"{kind}.{name}" if name in taken else name


def numbers(values: Iterable[float | None]) -> "pd.Series":
    """A column of numbers; NaN where there is none."""
    import pandas as pd

    return pd.Series(list(values), dtype="float64")


def counts(values: Iterable[int | None]) -> "pd.Series":
    """A column of integers, of which some may be missing."""
    import pandas as pd

    return pd.Series(list(values), dtype="Int64")


def held(values: Values) -> "pd.Series":
    """A column of a parameter's values, each of which stays what it is: 8 does not become 8.0
    where a row has none.
    """
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    known = {bool: "boolean", int: "Int64", float: "float64", str: None}
    alone = kinds.pop() if len(kinds) == 1 else object
    return pd.Series(values, dtype=known.get(alone, "object"))
