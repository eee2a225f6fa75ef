"""How often a configuration is measured: processes are started until the objective's interval is
narrow enough, or the cap is met.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from multiprocessing.pool import ThreadPool
from typing import TypeVar

from haqa_bench.arithmetic.estimate import SPEEDS, estimate, interval
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration
from haqa_bench.trial import Measurement, Source, Trial

What = TypeVar("What")
Row = TypeVar("Row")


class MeasuredHere(ABC):
    """What evaluators have in common that start a process on this machine for each sample."""

    whole: Whole | None = None
    cell: Cell
    best: float | None = None
    """The best score of what is allowed so far, the larger the better; see hopeless."""
    default: Mapping[str, float] | None = None
    """What the default gave, once it was measured, by metric."""

    @property
    def kind(self) -> str:
        """Which of this machine's devices runs it: cpu or gpu."""
        return self.cell.hardware.kind

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        from haqa_bench.backends.machine import title

        return title(self.kind)

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        found = repeated(self.cell, self.sample, configuration, self.hopeless)
        self._learn(configuration, found.measurements)
        return found

    def recall(self, history: Iterable[Trial]) -> None:
        """Begins a study, or goes on with one: all that is known so far is in its trials."""
        self.best = self.default = None
        for trial in history:
            if trial.configuration is not None:
                self._learn(trial.configuration, trial.measurements)

    def hopeless(self, found: Outcome) -> bool:
        """Whether an outcome is so far behind the best that measuring on is no use."""
        share, score = self.cell.measurement.hopeless, _score(self.cell, found.measurements)
        if share is None or self.best is None or score is None:
            return False
        return score < share * self.best if self.best > 0 else score * share < self.best

    def _learn(self, configuration: Configuration, found: Sequence[Measurement]) -> None:
        """Remembers the default, and the best of what keeps the constraints for certain."""
        values = {m.name: m.value for m in found}
        if configuration == self.cell.space.default:
            self.default = values
        score = _score(self.cell, found)
        if score is not None and self.default and self._allowed(values, self.default):
            self.best = score if self.best is None else max(self.best, score)

    def _allowed(self, values: Mapping[str, float], default: Mapping[str, float]) -> bool:
        return all(
            c.metric in values
            and (over := c.over(values[c.metric], default.get(c.metric))) is not None
            and over <= 0
            for c in self.cell.objective.constraints
        )

    @abstractmethod
    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""


def _score(cell: Cell, found: Sequence[Measurement]) -> float | None:
    """The objective's value, the larger the better; None where it was not measured."""
    values = {m.name: m.value for m in found}
    value = values.get(cell.objective.metric)
    if value is None:
        return None
    return -value if cell.objective.direction == "minimize" else value


def never(_: Outcome) -> bool:
    """Nothing is hopeless."""
    return False


def repeated(
    cell: Cell,
    sample: Callable[[Configuration, int], Outcome],
    configuration: Configuration,
    hopeless: Callable[[Outcome], bool] = never,
) -> Outcome:
    """As many processes as the cell's measurement protocol asks for, as one outcome; a failure
    after the first, or a first that is hopeless, ends them.

    Raises:
        EvaluationFailed: the first process failed.
    """
    outcomes = [sample(configuration, 0)]
    if hopeless(outcomes[0]):
        return outcomes[0]
    while len(outcomes) < cell.measurement.processes and not _precise(cell, outcomes):
        try:
            outcomes.append(sample(configuration, len(outcomes)))
        except EvaluationFailed as failure:
            facts = {**outcomes[0].facts, "failed_repeat": f"{failure.status}: {failure.reason}"}
            return _merged([outcomes[0]._replace(facts=facts), *outcomes[1:]])
    return _merged(outcomes)


def timed(take: Callable[[], Outcome]) -> Outcome:
    """What `take` gives, or its failure, with the seconds that it took.

    Raises:
        EvaluationFailed: `take` did; with its seconds.
    """
    started = time.perf_counter()
    try:
        outcome = take()
    except EvaluationFailed as failure:
        raise failure.after(time.perf_counter() - started) from None
    return outcome._replace(seconds=time.perf_counter() - started)


def estimated(readings: Mapping[tuple[str, str], Sequence[float]]) -> tuple[Measurement, ...]:
    """Measurements from raw samples by (name, unit), `others_share` among them."""
    others = readings.get(("others_share", "1"), ())
    estimates = {name: estimate(values, unit, others) for (name, unit), values in readings.items()}
    return tuple(
        Measurement(
            name=name,
            unit=unit,
            source=Source.MEASURED,
            samples=tuple(values),
            **estimates[name]._asdict(),
        )
        for (name, unit), values in readings.items()
    )


def as_they_come(
    measure: Callable[[What], Row], wanted: Sequence[What], workers: int
) -> Iterator[Row]:
    """What `measure` gives of each, as it comes; several at once by threads, each of which waits
    for a process of its own.
    """
    if workers == 1:
        yield from map(measure, wanted)
    else:
        with ThreadPool(workers) as pool:
            yield from pool.imap_unordered(measure, wanted)


def _precise(cell: Cell, outcomes: Sequence[Outcome]) -> bool:
    """Whether the objective's interval is as narrow as asked for; other metrics than speeds do not
    vary.
    """
    merged = {m.name: m for m in _merged(outcomes).measurements}
    found = merged.get(cell.objective.metric)
    if found is None or found.unit not in SPEEDS:
        return True
    known = interval(found.samples, found.unit, merged["others_share"].samples)
    width = cell.measurement.precision * found.value
    return known is not None and max(known.high - found.value, found.value - known.low) <= width


def _merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Several processes' outcomes of one configuration as one."""
    samples: dict[tuple[str, str], list[float]] = {}
    for measurement in (m for outcome in outcomes for m in outcome.measurements):
        samples.setdefault((measurement.name, measurement.unit), []).extend(measurement.samples)
    return Outcome(estimated(samples), outcomes[0].facts, sum(o.seconds or 0.0 for o in outcomes))
