"""What a file says of one metric of a configuration, as samples in the unit that a cell wants.

A file's value is believed where its unit is known, and where it is a statistic of the samples that
stand beside it. Where it is what we would estimate, the samples come along; where it is another
statistic, such as Kernel Tuner's mean, the value stands alone: a table prints the file's number.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.errors import HaqaError, Status
from haqa_bench.store.kernel_tuner import units
from haqa_bench.store.kernel_tuner.cache import TIME
from haqa_bench.store.kernel_tuner.entries import Entry, Failure, Quantity, failure_in, finite

RUNTIMES = "runtimes"
"""What `--unit` calls the samples of a T4 file that says no unit of time."""
SAME, ROUNDED = 1e-9, 1e-3
"""How far two numbers may be apart, as a share: by arithmetic alone, or by a file's digits."""


class Wanted(NamedTuple):
    """A metric that a cell needs; without a unit its value is taken as it is."""

    metric: str
    unit: str | None


class Amount(NamedTuple):
    """Samples in the unit that was wanted. `called` is the metric's name in the file, `unit` its
    unit there; `alone` where its own samples were left out.
    """

    samples: Sequence[float]
    called: str
    unit: str
    factor: float
    alone: bool


def amount(path: Path, entry: Entry, wanted: Wanted, stated: Mapping[str, str]) -> Amount | Failure:
    """The metric of a configuration; `stated` are the units that a person says, by name.

    Raises:
        HaqaError: it is missing, without a unit or of another, or its samples say another value.
    """
    timed = wanted.unit is not None and units.is_time(wanted.unit)
    called = TIME if timed and wanted.metric not in entry.values else wanted.metric
    if called in entry.values:
        return _of_value(path, entry, wanted, called, stated)
    if timed and entry.runtimes.samples:
        return _of_runtimes(path, entry, wanted, stated)
    lacks = f"neither {wanted.metric} nor times" if timed else f"no {wanted.metric}"
    todo = f"It holds {', '.join(entry.values) or 'no metric'}"
    raise HaqaError(path, f"{entry.where}: {lacks}", todo)


def _of_value(
    path: Path, entry: Entry, wanted: Wanted, called: str, stated: Mapping[str, str]
) -> Amount | Failure:
    quantity, runtimes = entry.values[called], entry.runtimes.samples
    failure = failure_in(quantity.value) or _failure_of(runtimes)
    if failure:
        return failure
    values = _numbers(path, f"{entry.where}.{called}", quantity)
    if isinstance(values, Failure):
        return values
    unit = _unit(path, entry, quantity, called, wanted, stated)
    samples = [] if len(values) > 1 else _own_samples(path, entry, called, values[0], unit, wanted)
    factor = _factor(path, f"{entry.where}.{called}", unit, wanted)
    kept = samples or values
    alone = bool(runtimes) and not samples and _belongs(entry, called, unit)
    return Amount([factor * value for value in kept], called, unit, factor, alone)


def _of_runtimes(
    path: Path, entry: Entry, wanted: Wanted, stated: Mapping[str, str]
) -> Amount | Failure:
    samples = entry.runtimes.samples
    if failure := _failure_of(samples):
        return failure
    unit = entry.runtimes.unit or stated.get(RUNTIMES, "")
    if not unit:
        todo = f"Say it with --unit {RUNTIMES}=UNIT"
        raise HaqaError(path, f"{entry.where}: its runtimes have no unit (timeunit)", todo)
    factor = _factor(path, f"{entry.where}.{RUNTIMES}", unit, wanted)
    return Amount([factor * s for s in samples if s is not None], RUNTIMES, unit, factor, False)


def _failure_of(samples: Sequence[float | None]) -> Failure | None:
    if all(s is not None and finite(s) for s in samples):
        return None
    return Failure(Status.NOT_FINITE, "the file says no number among the samples")


def _numbers(path: Path, where: str, quantity: Quantity) -> list[float] | Failure:
    """A value, or all of a list of them."""
    every = quantity.value if isinstance(quantity.value, list) else [quantity.value]
    for value in every:
        if failure := failure_in(value):
            return failure
    found = [float(v) for v in every if isinstance(v, int | float) and not isinstance(v, bool)]
    if not found or len(found) < len(every):
        raise HaqaError(path, f"{where}: {quantity.value!r} is no number")
    return found


def _unit(
    path: Path,
    entry: Entry,
    quantity: Quantity,
    called: str,
    wanted: Wanted,
    stated: Mapping[str, str],
) -> str:
    """The unit of a value in the file: as the file, a person or its name says; empty where it does
    not matter.
    """
    said, told = quantity.unit, stated.get(called) or stated.get(wanted.metric)
    if said and told and units.factor(said, told) != 1:
        raise HaqaError(path, f"{entry.where}.{called}: is in {said}, and --unit says {told}")
    named = called if wanted.unit and units.factor(called, wanted.unit) else None
    found = said or told or named
    if found is None and wanted.unit is not None:
        todo = f"Say it with --unit {called}=UNIT"
        raise HaqaError(path, f"{entry.where}.{called}: the file does not say its unit", todo)
    return found or ""


def _factor(path: Path, where: str, unit: str, wanted: Wanted) -> float:
    if wanted.unit is None:
        return 1.0
    found = units.factor(unit, wanted.unit)
    if found is None:
        what = f"{where}: cannot be made {wanted.unit}, which is the cell's, of {unit}"
        raise HaqaError(path, what, "Import it into a cell of that metric")
    return found


def _own_samples(
    path: Path, entry: Entry, called: str, value: float, unit: str, wanted: Wanted
) -> list[float]:
    """The samples that a value was made of, in its unit, where we would make the same of them; none
    where there are none.
    """
    taken = [s for s in entry.runtimes.samples if s is not None]
    if not taken:
        return []
    unsaid = not entry.runtimes.stated and called != TIME
    if unsaid and _near(_estimated(taken, unit, wanted), value, SAME):  # as our first exports
        return taken
    if not _belongs(entry, called, unit):
        return []
    samples = [(units.factor(entry.runtimes.unit or "", unit) or 1.0) * s for s in taken]
    ours = _estimated(samples, unit, wanted)
    if _near(ours, value, SAME):
        return samples
    middle, mean = median(samples), fmean(samples)
    if not any(_near(known, value, ROUNDED) for known in (ours, mean, middle, min(samples))):
        what = f"{entry.where}.{called}: is {value:g} {unit}, and its {len(samples)} samples say "
        raise HaqaError(
            path,
            f"{what}{ours:g} (quartile), {middle:g} (median) or {mean:g} (mean)",
            "Leave out what is wrong",
        )
    return []


def _belongs(entry: Entry, called: str, unit: str) -> bool:
    """Whether the runtimes of an entry are of this value: they are of the time, where it has
    one.
    """
    known = units.factor(entry.runtimes.unit or "", unit) is not None
    return known and (called == TIME or TIME not in entry.values)


def _estimated(samples: Sequence[float], unit: str, wanted: Wanted) -> float:
    """As the response table will estimate it, which goes by the cell's unit."""
    return estimate(samples, wanted.unit or unit).value


def _near(one: float, other: float, share: float) -> bool:
    return math.isclose(one, other, rel_tol=share)
