"""Pairs and tests of a cell's winners, as they were recorded."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.documents import JsonObject
from haqa_bench.store.journal import read_lines


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
    tests, by seed, that did not fail.
    """

    default: str = ""
    unit: str = ""
    machine: str = ""
    pairs: Mapping[str, Sequence[Pair]] = {}
    tests: Mapping[str, Sequence[Tested]] = {}

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
    card, *lines = read_lines(path)
    pairs: dict[str, list[Pair]] = defaultdict(list)
    tests: dict[str, list[Tested]] = defaultdict(list)
    for line, where in _whole(lines, said):
        if line["kind"] == "pair":
            pairs[line["configuration"]].append(_pair(line, where))
        else:
            tests[line["configuration"]].append(_tested(line, where))
    return Confirmed(
        card["default"],
        card["unit"],
        card["machine"],
        {key: sorted(found, key=lambda pair: pair.number) for key, found in pairs.items()},
        {key: sorted(found, key=lambda test: test.seed) for key, found in tests.items()},
    )


def _whole(lines: Sequence[JsonObject], said: str) -> Iterator[tuple[JsonObject, str]]:
    """The lines that did not fail, the first of which is the file's second."""
    for number, line in enumerate(lines, 2):
        if not line["failed"]:
            yield line, f"{said}:{number}"


def _pair(line: JsonObject, where: str) -> Pair:
    tuned, default = (Side(line[side], line[f"{side}_samples"]) for side in ("tuned", "default"))
    return Pair(line["pair"], tuned, default, line["others"], line["date"], where)


def _tested(line: JsonObject, where: str) -> Tested:
    values = {name: value for name, (value, _) in line["values"].items()}
    items = {name: line["facts"][name] for name in values if name in line["facts"]}
    return Tested(line["seed"], values, items, line["date"], where)
