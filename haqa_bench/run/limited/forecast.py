"""What a measurement will take, from what was measured so far.

A configuration takes what it took the last time; one that is new, the longest that any of its cell
took that could be measured. Of a cell of which nothing is known, it is the longest of the other
cells, as many times as its model is larger. Of nothing at all, it is a tenth of the time.
"""

from collections.abc import Iterable

from haqa_bench.run.limited.order import Step
from haqa_bench.run.sweep import CUT, Sweep
from haqa_bench.trial import TAKEN, Status

FIRST = 0.1
"""The first guess, as a part of all the time there is."""
TWICE = 2.0
"""What was cut off takes at least so many times what it had taken then."""


class Forecast:
    """What was measured of some cells, in seconds, of `all_seconds` that there are."""

    def __init__(self, sweeps: Iterable[Sweep], all_seconds: float) -> None:
        self.guess = FIRST * all_seconds
        self._last: dict[tuple[str, str], float] = {}
        self._longest: dict[str, float] = {}
        self._making: dict[str, float] = {}
        self._sizes = {one.cell.id: one.cell.model.parameters for one in sweeps}
        for one in sweeps:
            for entry in one.journal.entries[1:]:
                self._recall(one.cell.id, entry)

    def measured(self, step: Step, seconds: float, failed: bool = False) -> None:
        """Learns what a measurement took."""
        self._learn(step.one.cell.id, step.key, seconds, failed)

    def made(self, step: Step, seconds: float) -> None:
        """Learns what making a step's file took."""
        self._making[step.one.cell.id] = seconds

    def seconds(self, step: Step, made: bool = True) -> float:
        """What a step will take; with the making of its file, where that is not `made` yet."""
        making = 0.0 if made else self._scaled(self._making, step.one.cell.id, 0.0)
        return making + self._measuring(step)

    def _measuring(self, step: Step) -> float:
        cell = step.one.cell.id
        known = self._last.get((cell, step.key), self._longest.get(cell))
        return self._scaled(self._longest, cell, self.guess) if known is None else known

    def _scaled(self, seconds: dict[str, float], cell: str, otherwise: float) -> float:
        """The longest of all cells, each as many times as the model of `cell` is larger."""
        known = (
            taken * max(1.0, self._sizes[cell] / max(1, self._sizes[other]))
            for other, taken in seconds.items()
        )
        return max(known, default=otherwise)

    def _recall(self, cell: str, entry: dict[str, object]) -> None:
        key = str(entry["configuration"])
        if CUT in entry:
            self._last[cell, key] = TWICE * float(str(entry[CUT]))
            return
        for seconds in _taken(entry["readings"]):
            self._learn(cell, key, seconds, entry["status"] != Status.OK)

    def _learn(self, cell: str, key: str, seconds: float, failed: bool) -> None:
        self._last[cell, key] = seconds
        if not failed:
            self._longest[cell] = max(seconds, self._longest.get(cell, 0.0))


def _taken(readings: object) -> Iterable[float]:
    known = readings if isinstance(readings, list) else []
    return (sample for one in known if one["name"] == TAKEN for sample in one["samples"])
