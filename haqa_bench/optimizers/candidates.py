"""What a model of a space with ranges is asked about: draws from all of it, and what lies near the
best.
"""

import random
from collections.abc import Collection, Iterator, Sequence

from haqa_bench.optimizers.local_search import neighbours, strides
from haqa_bench.parameters import Parameter, Range
from haqa_bench.space import Configuration, Scalar, SearchSpace, key_of

NUDGES = 10
"""Of each start at each stride."""
CHANGED = 0.5
"""The chance of a range to be nudged."""
DRAWN = 0.1
"""The chance of a choice to be drawn anew."""


def drawn(
    space: SearchSpace, tried: Collection[str | None], most: int, rng: random.Random
) -> list[Configuration]:
    """All that is untried of a space of at most `most` configurations; of a larger one, as many
    random draws.
    """
    if space.size <= most:
        every = space.by_key.items() if space.finite else ((key_of(c), c) for c in space.every())
        return [c for key, c in every if key not in tried]
    found = [space.sample(rng) for _ in range(most)]
    return [c for c in found if key_of(c) not in tried]


def near(
    space: SearchSpace,
    starts: Sequence[Configuration],
    tried: Collection[str | None],
    rng: random.Random,
) -> list[Configuration]:
    """The untried neighbours of some configurations at each stride, and what differs from one in
    several parameters, by about a stride.
    """
    found = {key_of(c): c for start in starts for c in _around(space, start, rng)}
    return [c for key, c in found.items() if key not in tried]


def _around(
    space: SearchSpace, start: Configuration, rng: random.Random
) -> Iterator[Configuration]:
    for stride in strides(space):
        yield from neighbours(space, start, stride)
        for _ in range(NUDGES):
            moved = {n: _nudged(p, start[n], stride, rng) for n, p in space.root.items()}
            if not space.broken(moved):
                yield moved


def _nudged(parameter: Parameter, value: Scalar, stride: float, rng: random.Random) -> Scalar:
    if not isinstance(parameter, Range):
        return parameter.drawn(rng) if rng.random() < DRAWN else value
    if rng.random() >= CHANGED:
        return value
    return parameter.at(parameter.fraction(value) + rng.gauss(0.0, stride))
