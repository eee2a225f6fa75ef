"""Pairs and tests of a cell's winners, as they were recorded."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.store import confirmed


class Side(NamedTuple):
    """A side of a pair: what was estimated of it, from which samples."""

    value: float
    samples: Sequence[float]


class Pair(NamedTuple):
    """A configuration beside the default, in one sitting, of which others took a share of the
    machine; `where` is the file and the line.
    """

    number: int
    tuned: Side
    default: Side
    others: float
    date: str
    where: str


class Tested(NamedTuple):
    """A configuration trained anew with a seed, and tested: its metrics, and of some whether each
    item was right, as 0 and 1.
    """

    seed: int
    values: Mapping[str, float]
    items: Mapping[str, str]
    date: str
    where: str


class Confirmed(NamedTuple):
    """The default, the unit and the machine; and by configuration the pairs, by number, and the
    tests, by seed, that did not fail, and how many pairs it failed in.
    """

    default: str = ""
    unit: str = ""
    machine: str = ""
    pairs: Mapping[str, Sequence[Pair]] = {}
    tests: Mapping[str, Sequence[Tested]] = {}
    failed: Mapping[str, int] = {}

    @property
    def dates(self) -> list[str]:
        """The day of each pair and test."""
        pairs = [pair.date for found in self.pairs.values() for pair in found]
        return pairs + [test.date for found in self.tests.values() for test in found]


def read(path: Path, said: str) -> Confirmed:
    """What a file holds that is `said` to stand where it stands; nothing where there is none.

    Raises:
        HaqaError: it is damaged.
    """
    if not path.is_file():
        return Confirmed()
    card, lines = confirmed.read(path)
    pairs: dict[str, list[Pair]] = defaultdict(list)
    tests: dict[str, list[Tested]] = defaultdict(list)
    failed = Counter[str]()
    for number, line in enumerate(lines, 2):
        where = f"{said}:{number}"
        if isinstance(line, confirmed.Pair) and (pair := _pair(line, where)):
            pairs[line.configuration].append(pair)
        elif isinstance(line, confirmed.Pair):
            failed[line.configuration] += not confirmed.failure(line.failed).of_default
        elif isinstance(line, confirmed.Test) and not line.failed:
            tests[line.configuration].append(_tested(line, where))
    return Confirmed(
        card.default,
        card.unit,
        card.machine,
        {key: sorted(found, key=lambda pair: pair.number) for key, found in pairs.items()},
        {key: sorted(found, key=lambda test: test.seed) for key, found in tests.items()},
        failed,
    )


def _pair(line: confirmed.Pair, where: str) -> Pair | None:
    """A pair of which neither side failed."""
    if line.failed or line.tuned is None or line.default is None:
        return None
    tuned = Side(line.tuned, line.tuned_samples)
    default = Side(line.default, line.default_samples)
    return Pair(line.pair, tuned, default, line.others, line.date, where)


def _tested(line: confirmed.Test, where: str) -> Tested:
    values = {name: value for name, (value, _) in line.values.items() if value is not None}
    items = {name: line.facts[name] for name in values if name in line.facts}
    return Tested(line.seed, values, items, line.date, where)
