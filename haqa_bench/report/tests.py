"""What was trained anew and tested, apart from the tuning: accuracies of winners, default and
references, on the same items.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haqa_bench.report.best import Row
from haqa_bench.space import key_of
from haqa_bench.store.database import query

REFERENCE = "reference"
"""Stands in a row for the optimizer of what no method proposed."""
MAIN = ("test_accuracy", "average_accuracy")
"""The metric that a test is about, by track; an average is of those that end in _acc."""
NORMAL_95 = 1.96

Bits = npt.NDArray[np.float64]


class Test(NamedTuple):
    """One configuration with one seed: its accuracy in %, and by task (one for images) whether each
    item is right.
    """

    accuracy: float
    items: Mapping[str, Bits]


class Difference(NamedTuple):
    """A configuration less the default, in points, the mean over seeds; `error` is of the choice of
    items, `ahead` the seeds ahead.
    """

    points: float
    error: float
    ahead: int
    seeds: int

    @property
    def better(self) -> bool:
        """Whether it beats the default: ahead with every seed, and by more than the 95 % interval
        over items.
        """
        return self.ahead == self.seeds and self.points > NORMAL_95 * self.error


class Tests(NamedTuple):
    """All tests of a run, by (cell, configuration) and seed; `defaults` and `machines` by cell;
    `failed` in words, by cell.
    """

    found: Mapping[tuple[str, str], Mapping[int, Test]]
    defaults: Mapping[str, str]
    machines: Mapping[str, str]
    failed: Mapping[str, Sequence[str]]

    def of(self, row: Row) -> float | None:
        """The median over studies of the accuracy of the winner, in %; None as long as one is
        missing.
        """
        found = self._accuracies(row)
        return median(found) if found and len(found) == len(row.winners) else None

    def range(self, row: Row) -> Sequence[float]:
        """Worst and best study; none as long as one is missing."""
        found = self._accuracies(row)
        return [min(found), max(found)] if found and len(found) == len(row.winners) else []

    def seeds(self, row: Row) -> int:
        """With how many seeds the first winner was tested."""
        return len(self.found.get((row.cell, _key(row.winners[0])), ())) if row.winners else 0

    def differences(self, row: Row) -> list[Difference]:
        """Each study's winner less the default; none as long as one is missing."""
        default = self.found.get((row.cell, self.defaults.get(row.cell, "")), {})
        found = [self.found.get((row.cell, _key(w)), {}) for w in row.winners]
        return (
            [_difference(one, default) for one in found]
            if all(one.keys() & default.keys() for one in found)
            else []
        )

    def references(self, cell: str) -> list[str]:
        """What was tested of a cell that no method proposed."""
        return [key for name, key in self.found if name == cell and "reference" in json.loads(key)]

    def _accuracies(self, row: Row) -> list[float]:
        found = [self.found.get((row.cell, _key(w))) for w in row.winners]
        return [fmean(test.accuracy for test in one.values()) for one in found if one]


def read(folder: Path) -> Tests:
    """The tests of the run in `folder`.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    metrics: dict[tuple[str, str], dict[int, dict[str, tuple[float, str | None]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    defaults, machines = {}, {}
    failures: dict[str, list[str]] = defaultdict(list)
    sql = files("haqa_bench.report").joinpath("tests.sql").read_text()
    for cell, configuration, is_default, seed, name, value, items, machine, failed in query(
        folder, sql
    ):
        machines[cell] = machine
        if failed:
            failures[cell].append(f"{configuration}, seed {seed}: {failed}")
            continue
        metrics[cell, configuration][seed][name] = (value, items)
        if is_default:
            defaults[cell] = configuration
    found = {
        key: {seed: _one(values) for seed, values in seeds.items()}
        for key, seeds in metrics.items()
    }
    return Tests(found, defaults, machines, failures)


def _one(values: Mapping[str, tuple[float, str | None]]) -> Test:
    main = next(name for name in MAIN if name in values)
    of = [main] if values[main][1] else [name for name in values if name.endswith("_acc")]
    return Test(values[main][0], {name: _bits(values[name][1] or "") for name in of})


def _difference(one: Mapping[int, Test], default: Mapping[int, Test]) -> Difference:
    """Over the seeds that both have; a seed with which one failed is not ahead. The items of a task
    weigh alike, and so do tasks.
    """
    seeds = sorted(one.keys() & default.keys())
    points = [one[s].accuracy - default[s].accuracy for s in seeds]
    tasks = list(one[seeds[0]].items)
    each = [np.mean([one[s].items[t] - default[s].items[t] for s in seeds], axis=0) for t in tasks]
    variance = sum(float(e.var()) / len(e) for e in each) / len(each) ** 2
    return Difference(fmean(points), 100 * variance**0.5, sum(p > 0 for p in points), len(default))


def _bits(text: str) -> Bits:
    return np.frombuffer(text.encode(), np.uint8).astype(np.float64) - ord("0")


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))


def notes(tests: Tests, cells: Sequence[str]) -> list[str]:
    """What to know of the columns; none where nothing trains."""
    known = [cell for cell in dict.fromkeys(cells) if cell in tests.machines]
    if not known:
        return []
    machines = sorted({tests.machines[cell] for cell in known})
    return [
        "Test accuracy: winners trained anew with seeds that no tuning has seen, and tested on items that no tuning has seen; mean over "
        "seeds, median over studies; range: worst and best study.",
        "Against default: the same seeds and items; better: ahead with every seed, and by more than the 95 % interval over items.",
        f"Tests were run on {', '.join(machines)}.",
        *(
            f"{cell}: a test failed, and is in no mean: {failure}."
            for cell in known
            for failure in tests.failed.get(cell, ())
        ),
    ]
