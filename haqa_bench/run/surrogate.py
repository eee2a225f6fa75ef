"""A stand-in for measuring, for methods that were not recorded: a model of recorded trials.

A Gaussian process is fitted to each metric that decides, the goals and those that constraints
limit, over the scales of the space (optimizers/gaussian_regression.py). A second one, of +1 for
what was measured and -1 for what failed, says where a failure is to be expected. What it says is
no measurement: every number is `simulated`, and its error is printed beside it: how far off it is
for trials that it was not fitted to.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from haqa_bench.cell import Cell
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.optimizers.gaussian_process import encoded
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.run.plan import Plan
from haqa_bench.space import Configuration
from haqa_bench.store import facts, trials
from haqa_bench.store.trials import Recording
from haqa_bench.tracks import nearness
from haqa_bench.trial import Measurement, Source, Status

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

    from haqa_bench.optimizers.gaussian_regression import Fitted

Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]
FEWEST = 10
"""Measured trials below which nothing is fitted."""
ONE_BY_ONE = 60
"""Up to so many trials each is left out in turn; of more, a tenth at a time."""
DIGITS = 6
"""Significant digits of what is simulated: more differ from processor to processor."""


class Off(NamedTuple):
    """How far off the model of a metric is, for trials that it was not fitted to; and how far off
    their mean would be. Both are roots of the mean square, in the metric's unit.
    """

    metric: str
    unit: str
    error: float
    of_mean: float


class Foreseen(NamedTuple):
    """Of so many trials that failed, and of so many that were measured, how many are told as
    such by what was fitted to the others.
    """

    failed: int
    told_failed: int
    measured: int
    told_measured: int


@dataclass(frozen=True)
class Process:
    """A process of values that were moved by their mean and made as narrow as their spread."""

    fitted: "Fitted"
    mean: float
    spread: float

    def __call__(self, at: Floats) -> Floats:
        """What is expected at some places, a row each."""
        return self.fitted.predict(at)[0] * self.spread + self.mean


@dataclass(frozen=True)
class Constant:
    """Expects the same everywhere."""

    value: float

    def __call__(self, at: Floats) -> Floats:
        """As Process."""
        return np.full(len(at), self.value)


class Surrogate:
    """Answers as the recorded trials of a cell let expect.

    Raises:
        HaqaError: too few were measured.
    """

    machine = ""
    whole: Whole | None = None

    def __init__(self, recording: Recording, cell: Cell, said: str) -> None:
        self.cell, every = cell, list(recording.trials.values())
        self.measured = [one for one in every if one.status is Status.OK]
        self.failed = [one for one in every if one.status is not Status.OK]
        known = list(self._metrics())
        if cell.objective.metric not in [one.name for one in known]:
            what = f"{len(self.measured)} of its trials were measured: a surrogate needs {FEWEST}"
            todo = f"Measure more: haqa-bench run SUITE --cells {cell.id} --measure live"
            raise HaqaError(recording.path, what, todo)
        with _one_thread():
            self.models = {one.name: _model(one.places, one.values) for one in known}
            self.units = {one.name: one.unit for one in known}
            self.fails = _process(*self._signs(), fitted=False) if self.failed else Constant(1.0)
            self.told = self._told(known, said)

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator. A failure that is predicted takes the status of the nearest that is
        recorded.
        """
        at = encoded(self.cell.space, [configuration])
        if self.fails(at)[0] < 0:
            raise EvaluationFailed(self._as_nearest(configuration), f"predicted: {self.told}")
        found = tuple(
            self._simulated(name, float(model(at)[0])) for name, model in self.models.items()
        )
        return Outcome(found, {facts.SURROGATE: self.told})

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is simulated does not vary."""
        return self.measure(configuration)

    def _simulated(self, name: str, value: float) -> Measurement:
        unit = self.units[name]
        kept = float(f"{min(max(value, 0.0), 100.0) if unit == '%' else value:.{DIGITS}g}")
        return Measurement(
            name=name, value=kept, unit=unit, source=Source.SIMULATED, samples=(kept,), used=1
        )

    def _as_nearest(self, configuration: Configuration) -> Status:
        space = self.cell.space
        return min(
            self.failed, key=lambda one: nearness.distance(space, configuration, one.configuration)
        ).status

    def _signs(self) -> tuple[Floats, Floats]:
        """Where anything was tried, and +1 where it was measured, -1 where it failed."""
        every = [one.configuration for one in (*self.measured, *self.failed)]
        signs = [1.0] * len(self.measured) + [-1.0] * len(self.failed)
        return encoded(self.cell.space, every), np.array(signs)

    def _metrics(self) -> "Iterator[Known]":
        """What decides, as far as it was measured often enough."""
        objective = self.cell.objective
        names = [goal.metric for goal in objective.goals]
        names += [constraint.metric for constraint in objective.constraints]
        for name in dict.fromkeys(names):
            found = [
                (one.configuration, measurement)
                for one in self.measured
                for measurement in one.outcome(Source.SIMULATED).measurements
                if measurement.name == name
            ]
            if len(found) >= FEWEST:
                places = encoded(self.cell.space, [configuration for configuration, _ in found])
                values = np.array([measurement.value for _, measurement in found])
                yield Known(name, found[0][1].unit, places, values)

    def _told(self, known: "Sequence[Known]", said: str) -> str:
        """What it is and how far off, in one sentence a metric."""
        count = len(self.measured)
        how = "leave-one-out" if count <= ONE_BY_ONE else "10-fold cross-validation's"
        off = [_in_words(_off(one), how) for one in known]
        return (
            f"a Gaussian process of {count + len(self.failed)} recorded trials ({said}); "
            f"{', '.join(off)}; {_failures(self._foreseen())}"
        )

    def _foreseen(self) -> Foreseen:
        """What of failing and of being measured is foreseen from the other trials."""
        if not self.failed:
            return Foreseen(0, 0, len(self.measured), len(self.measured))
        places, signs = self._signs()
        told = _left_out(places, signs, lambda p, s: _process(p, s, fitted=False))
        right = (told < 0) == (signs < 0)
        failed = signs < 0
        return Foreseen(
            len(self.failed),
            int(right[failed].sum()),
            len(self.measured),
            int(right[~failed].sum()),
        )


class Known(NamedTuple):
    """A metric's values, and where they were measured, a row each."""

    name: str
    unit: str
    places: Floats
    values: Floats


def made(plan: Plan, cell: Cell) -> Surrogate:
    """The surrogate of a cell.

    Raises:
        HaqaError: the cell has a table or a source, or too few recorded trials; or they are
        damaged, or of another cell.
    """
    path = plan.recording(cell)
    if cell.space.finite:
        what = "has a response table, which answers every configuration exactly"
        raise HaqaError(cell.id, what, "Leave out --measure surrogate, or this cell (--cells)")
    if cell.space.code:
        what = f"no model tells what a source does that was never measured ({cell.space.code})"
        raise HaqaError(cell.id, what, "Leave out --measure surrogate, or this cell (--cells)")
    key = sha256(read_bytes(path)), cell.model_dump_json()
    if key not in _made:
        found = trials.read(path)
        trials.check(found, cell)
        _made[key] = Surrogate(found, cell, plan.places.said(path))
    return _made[key]


_made: dict[tuple[str, str], Surrogate] = {}
"""What was fitted already, by the hash of the trials, and the cell."""


def surrogates(plan: Plan) -> list[str]:
    """What simulates each cell of a plan, and how far off it is, a line each; nothing where none
    does.

    Raises:
        HaqaError: as `made`.
    """
    simulates = plan.measure == "surrogate"
    cells = {s.cell.id: s.cell for s in plan.studies} if simulates else {}
    return [
        f"{name} is {Source.SIMULATED} by {made(plan, cell).told}." for name, cell in cells.items()
    ]


def _process(places: Floats, values: Floats, fitted: bool) -> Predict:
    from haqa_bench.optimizers.gaussian_regression import fit

    return Process(fit(places, values, fitted), 0.0, 1.0)


def _model(places: Floats, values: Floats) -> Predict:
    """A process of values in any unit; what does not vary is what it is."""
    mean, spread = float(values.mean()), float(values.std())
    if spread == 0:
        return Constant(mean)
    from haqa_bench.optimizers.gaussian_regression import fit

    return Process(fit(places, (values - mean) / spread, fitted=True), mean, spread)


def _off(known: Known) -> Off:
    told = _left_out(known.places, known.values, _model)
    mean = _left_out(known.places, known.values, _mean)
    errors = (math.sqrt(float(np.mean((one - known.values) ** 2))) for one in (told, mean))
    return Off(known.name, known.unit, *errors)


def _mean(_places: Floats, values: Floats) -> Predict:
    return Constant(float(values.mean()))


def _left_out(places: Floats, values: Floats, make: Callable[[Floats, Floats], Predict]) -> Floats:
    """What is said of each value by what is made of the others."""
    told = np.empty(len(values))
    for out in _folds(len(values)):
        kept = np.setdiff1d(np.arange(len(values)), out)
        told[out] = make(places[kept], values[kept])(places[out])
    return told


def _folds(count: int) -> list[list[int]]:
    order = list(range(count))
    if count <= ONE_BY_ONE:
        return [[one] for one in order]
    random.Random(0).shuffle(order)
    return [order[start::10] for start in range(10)]


def _in_words(off: Off, how: str) -> str:
    return (
        f"{how} error of {off.metric} {off.error:.3g} {off.unit} (root mean square; "
        f"{off.of_mean:.3g} where their mean is taken)"
    )


def _failures(foreseen: Foreseen) -> str:
    if not foreseen.failed:
        return "none of them failed, and it predicts no failure"
    return (
        f"left out, {foreseen.told_failed} of {foreseen.failed} that failed and "
        f"{foreseen.told_measured} of {foreseen.measured} that were measured are foreseen"
    )


def _one_thread() -> "threadpool_limits":
    """The matrices are small, and other studies may want the other cores."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)
