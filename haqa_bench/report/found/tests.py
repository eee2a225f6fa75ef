"""What was trained anew and tested, apart from the tuning: accuracies of winners, default and
references, on the same items.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haqa_bench.project import Run
from haqa_bench.report.found.best import Best
from haqa_bench.space import key_of

REFERENCE = "reference"
"""Stands in a row for the optimizer of what no method proposed."""
MAIN = ("test_accuracy", "average_accuracy")
"""The metric that a test is about, by track; an average is of those that end in _acc."""
NORMAL_95 = 1.96

Bits = npt.NDArray[np.float64]


class Test(NamedTuple):
    """One configuration with one seed: its accuracy in %, and by task (one for images) whether each
    item is right; nothing of a task whose items nobody told.
    """

    accuracy: float
    items: Mapping[str, Bits]


class Difference(NamedTuple):
    """A configuration less the default, in points, the mean over seeds; `error` is of the choice of
    items, None where the tests tell of none; `ahead` the seeds ahead.
    """

    points: float
    error: float | None
    ahead: int
    seeds: int

    @property
    def better(self) -> bool:
        """Whether it beats the default: ahead with every seed, and by more than the 95 % interval
        over items, without which nothing is called better.
        """
        return (
            self.error is not None
            and self.ahead == self.seeds
            and self.points > NORMAL_95 * self.error
        )


class Tests(NamedTuple):
    """All tests of a run, by (cell, configuration) and seed; `defaults` and `machines` by cell;
    `failed` in words, by cell.
    """

    found: Mapping[tuple[str, str], Mapping[int, Test]]
    defaults: Mapping[str, str]
    machines: Mapping[str, str]
    failed: Mapping[str, Sequence[str]]

    def of(self, row: Best) -> float | None:
        """The median over studies of the accuracy of the winner, in %; None as long as one is
        missing.
        """
        found = self.accuracies(row)
        return median(found) if found and len(found) == len(row.winners) else None

    def range(self, row: Best) -> Sequence[float]:
        """Worst and best study; none as long as one is missing."""
        found = self.accuracies(row)
        return [min(found), max(found)] if found and len(found) == len(row.winners) else []

    def seeds(self, row: Best) -> int:
        """With how many seeds the first winner was tested."""
        return len(self.found.get((row.cell, _key(row.winners[0])), ())) if row.winners else 0

    def tasks(self, cells: Collection[str]) -> list[str]:
        """The tasks of the tests of some cells, in order; none where a test is of one alone."""
        found = [
            list(test.items)
            for (cell, _), seeds in self.found.items()
            for test in seeds.values()
            if cell in cells
        ]
        return list(dict.fromkeys(name for names in found if len(names) > 1 for name in names))

    def of_task(self, row: Best, name: str) -> float | None:
        """As `of`, of one task."""
        tested = [self.found.get((row.cell, _key(w)), {}) for w in row.winners]
        found = [
            fmean(share_of(test.items[name]) for test in seeds.values() if name in test.items)
            for seeds in tested
            if any(name in test.items for test in seeds.values())
        ]
        return median(found) if found and len(found) == len(row.winners) else None

    def at(self, cell: str, configuration: str) -> Mapping[int, Test]:
        """The tests of a configuration in JSON, by seed; none where it was not tested."""
        return self.found.get((cell, _key(configuration)), {})

    def differences(self, row: Best) -> list[Difference]:
        """Each study's winner less the default; none as long as one is missing."""
        default = self.found.get((row.cell, self.defaults.get(row.cell, "")), {})
        found = [self.found.get((row.cell, _key(w)), {}) for w in row.winners]
        return (
            [difference(one, default) for one in found]
            if all(one.keys() & default.keys() for one in found)
            else []
        )

    def references(self, cell: str) -> Mapping[str, str]:
        """What was tested of a cell that no method proposed: names, and how each is recorded."""
        read = {key: json.loads(key) for name, key in self.found if name == cell}
        return {found[REFERENCE]: key for key, found in read.items() if REFERENCE in found}

    def accuracies(self, row: Best) -> list[float]:
        """Of each study's winner, in %, the mean over seeds; without those that are missing."""
        found = [self.found.get((row.cell, _key(w))) for w in row.winners]
        return [fmean(test.accuracy for test in one.values()) for one in found if one]


class _Row(NamedTuple):
    cell: str
    configuration: str
    is_default: bool
    seed: int
    name: str
    value: float | None
    items: str | None
    machine: str
    failed: str


def tests(run: Run) -> Tests:
    """The tests of a run.

    Raises:
        HaqaError: the database cannot be read.
    """
    taken: dict[tuple[str, str], dict[int, list[_Row]]] = defaultdict(lambda: defaultdict(list))
    failures: dict[str, list[str]] = defaultdict(list)
    rows = run.rows("tests", _Row)
    for row in rows:
        if row.failed:
            why = f"{row.configuration}, seed {row.seed}: {row.failed}"
            failures[row.cell].append(why)
        else:
            taken[row.cell, row.configuration][row.seed].append(row)
    found = {key: {s: _one(of) for s, of in seeds.items()} for key, seeds in taken.items()}
    defaults = {row.cell: row.configuration for row in rows if row.is_default and not row.failed}
    return Tests(found, defaults, {row.cell: row.machine for row in rows}, failures)


def _one(rows: Sequence[_Row]) -> Test:
    """A test of a configuration with a seed, from its metrics."""
    values = {row.name: row.value or 0.0 for row in rows}
    items = {row.name: row.items for row in rows}
    main = next(name for name in MAIN if name in values)
    of = [main] if items[main] else [name for name in values if name.endswith("_acc")]
    return Test(values[main], {name: _bits(told) for name in of if (told := items[name])})


def share_of(items: Bits) -> float:
    """Of items that are right, in %."""
    return 100 * float(items.mean())


def difference(one: Mapping[int, Test], default: Mapping[int, Test]) -> Difference:
    """Over the seeds that both have; a seed with which one failed is not ahead. The items of a task
    weigh alike, and so do tasks.
    """
    seeds = sorted(one.keys() & default.keys())
    points = [one[s].accuracy - default[s].accuracy for s in seeds]
    told = [test.items for seed in seeds for test in (one[seed], default[seed])]
    tasks = [name for name in one[seeds[0]].items if all(name in items for items in told)]
    each = [np.mean([one[s].items[t] - default[s].items[t] for s in seeds], axis=0) for t in tasks]
    return Difference(fmean(points), _error(each), sum(p > 0 for p in points), len(default))


def _error(each: Sequence[Bits]) -> float | None:
    """The standard error of a mean over tasks, in points, of differences item by item; None where
    no test tells of its items.
    """
    if not each:
        return None
    variance = sum(float(e.var()) / len(e) for e in each) / len(each) ** 2
    return 100 * math.sqrt(variance)


def _bits(text: str) -> Bits:
    return np.frombuffer(text.encode(), np.uint8).astype(np.float64) - ord("0")


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))
