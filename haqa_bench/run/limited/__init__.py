"""A sweep that ends by itself before a time is over, the most telling measurements first.

It never starts what by its forecast cannot end in time, and ends what takes longer than that. Every
result is in a journal as soon as it is there, so that the same sweep goes on where it was stopped.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.installed import has
from haqa_bench.protocols import can_make
from haqa_bench.run.limited.clock import Clock, OutOfTime, ended_after
from haqa_bench.run.limited.forecast import Forecast
from haqa_bench.run.limited.order import Passes, Step, again, by_file, missing, ordered
from haqa_bench.run.limited.told import Ending, ending
from haqa_bench.run.measuring import evaluator_faults
from haqa_bench.run.sweep import CUT, Sweep, row_of, write


def within(
    sweeps: Sequence[Sweep],
    passes: Passes,
    clock: Clock,
    done: Callable[[], None],
    remove: bool = False,
) -> None:
    """Measures what is missing of some cells as far as the time goes; `done` is called after each
    measurement.

    With `remove`, configurations that need the same file are measured one after the other, and the
    file is removed after them: one that was made lies on the disk at a time.
    """
    steps = ordered(sweeps, passes)
    taking = _Taking(sweeps, clock, done, remove)
    for _ in range(len(steps) - len(missing(steps))):
        done()
    groups = list(by_file(steps).values()) if remove else [steps]
    for group in groups:
        taking.all_that_fit(group)
        if remove and not missing(group):
            taking.remove_file_of(group[0])
    for group in groups if not missing(steps) else ():
        for disturbed in again(group, passes):
            taking.all_that_fit(disturbed)
        taking.remove_made()


def finish(sweeps: Sequence[Sweep], passes: Passes, clock: Clock) -> Ending:
    """Writes the tables of the cells that are whole, and tells what is left of the others. Journals
    stay until all are whole, so that the same command measures none of them again.

    Where pyarrow is not installed, which writes tables, journals stay, and `table take-in` writes
    the tables elsewhere.
    """
    writes = has("pyarrow")
    ended = ending(sweeps, passes, writes, clock.gone)
    for one in sweeps if writes else ():
        if one.cell.id in ended.whole:
            write(one.target, one.journal, passes.each, passes.seed)
    for one in sweeps if writes and not ended.left else ():
        one.journal.path.unlink()
    return ended


class _Taking:
    """Takes measurements while there is time."""

    def __init__(
        self, sweeps: Sequence[Sweep], clock: Clock, done: Callable[[], None], remove: bool
    ) -> None:
        self.clock, self.done, self.remove = clock, done, remove
        self.forecast = Forecast(sweeps, clock.seconds)
        self._made: Step | None = None

    def all_that_fit(self, steps: Sequence[Step]) -> None:
        """Takes what is missing of some steps: always the first that will end in time."""
        waiting = missing(steps)
        while step := next(filter(self._fits, waiting), None):
            waiting.remove(step)
            self._take(step)

    def _fits(self, step: Step) -> bool:
        made = self._made is not None and self._made.file == step.file
        return self.forecast.seconds(step, made or not step.file) < self.clock.left

    def _take(self, step: Step) -> None:
        journal, started = step.one.journal, self.clock.gone
        try:
            with evaluator_faults(step.one.cell), ended_after(self.clock.left):
                self._make(step)
                began = self.clock.gone
                row = row_of(step.one.evaluator, step.number, step.configuration)
        except OutOfTime:
            cut = {CUT: self.clock.gone - started, "configuration": step.key}
            journal.append(cut | {"pass": step.number})
            return
        journal.append(row)
        self.forecast.measured(step, self.clock.gone - began, row["status"] != Status.OK)
        self.done()

    def _make(self, step: Step) -> None:
        """Makes the file that a step needs, apart from what is measured of it."""
        evaluator = step.one.evaluator
        if not can_make(evaluator) or (self._made and self._made.file == step.file):
            return
        self.remove_made()
        started = self.clock.gone
        with suppress(EvaluationFailed):  # which the measurement will tell
            evaluator.make(step.configuration)
        self.forecast.made(step, self.clock.gone - started)
        self._made = step

    def remove_made(self) -> None:
        """Removes the file that was made last, where files are to be removed."""
        if self.remove and self._made:
            self.remove_file_of(self._made)

    def remove_file_of(self, step: Step) -> None:
        """Removes the file that a step needs, if one was made for it."""
        if can_make(step.one.evaluator):
            step.one.evaluator.unmake(step.configuration)
        self._made = None
