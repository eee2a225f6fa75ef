"""In which order a sweep measures that may not come to its end: the most telling first.

First the default of every cell, in the suite's order of cells; then all other configurations once,
a cell at a time in turn, each cell's in a random order; then all of it again, pass by pass. Where
the default is repeated as a noise floor, its repeats are spread over all of that.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from haqa_bench.protocols import can_make
from haqa_bench.run.sweep import AGAIN, Sweep, undisturbed
from haqa_bench.space import Configuration, key_of


class Passes(NamedTuple):
    """How often all is measured, and the default, if it is measured more often; and the seed of the
    order within a pass.
    """

    each: int
    floor: int
    seed: int


class Step(NamedTuple):
    """One measurement: the `number`-th of a configuration of a cell, from 0."""

    one: Sweep
    number: int
    configuration: Configuration

    @property
    def key(self) -> str:
        """The configuration's."""
        return key_of(self.configuration)

    @property
    def file(self) -> str:
        """What has to be made before it is measured; empty where nothing has."""
        evaluator = self.one.evaluator
        return evaluator.needs(self.configuration) if can_make(evaluator) else ""


def ordered(sweeps: Sequence[Sweep], passes: Passes) -> list[Step]:
    """Every measurement of some cells, the most telling first."""
    first = [Step(one, 0, one.cell.space.default) for one in sweeps]
    later = [
        step
        for number in range(passes.each)
        for step in _in_turn(_of_pass(one, number, passes) for one in sweeps)
    ]
    return first + later


def by_file(steps: Iterable[Step]) -> Mapping[str, list[Step]]:
    """Steps by the file that they need, files in the order in which they are first needed."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.file, []).append(step)
    return found


def missing(steps: Sequence[Step]) -> list[Step]:
    """Those of some steps that were not measured yet."""
    have = {id(step.one): _have(step.one) for step in steps}
    return [s for s in steps if (s.number, s.key) not in have[id(s.one)]]


def again(steps: Sequence[Step], passes: Passes) -> Iterator[list[Step]]:
    """What is measured again of what was disturbed, a further pass at a time; see sweep.sweep."""
    firsts = [step for step in steps if step.number == 0]
    for number in range(passes.each, passes.each + AGAIN):
        enough = {id(step.one): undisturbed(step.one.rows, passes.each) for step in firsts}
        yield [s._replace(number=number) for s in firsts if s.key not in enough[id(s.one)]]


def _have(one: Sweep) -> set[tuple[int, str]]:
    return {(row["pass"], row["configuration"]) for row in one.rows}


def _of_pass(one: Sweep, number: int, passes: Passes) -> list[Step]:
    """A pass over a cell, with its share of the default's repeats between; without the very first
    measurement of the default, which comes before all passes.
    """
    grid = list(one.cell.space.grid())
    random.Random(passes.seed + number).shuffle(grid)
    default = key_of(one.cell.space.default)
    steps = [Step(one, number, c) for c in grid if number or key_of(c) != default]
    more = range(passes.each + number, passes.floor, passes.each)
    repeats = [Step(one, repeat, one.cell.space.default) for repeat in more]
    return _spread(steps, repeats)


def _spread(steps: Sequence[Step], repeats: Sequence[Step]) -> list[Step]:
    """Steps with repeats evenly between them."""
    places = [(place + 1) / (len(steps) + 1) for place in range(len(steps))]
    between = [(place + 0.5) / len(repeats) for place in range(len(repeats))]
    every = [*zip(places, steps, strict=True), *zip(between, repeats, strict=True)]
    return [step for _, step in sorted(every, key=lambda placed: placed[0])]


def _in_turn(cells: Iterable[Sequence[Step]]) -> list[Step]:
    """The first of each, then the second of each, and so on."""
    return [step for row in zip_longest(*cells) for step in row if step is not None]
