"""What is left of a space to try."""

import random
from collections.abc import Collection

from haqa_bench.space import Configuration, SearchSpace, key_of

DRAWS = 200
"""After so many draws of what was tried, what is left of a small space with ranges is listed."""


def untried(
    space: SearchSpace, tried: Collection[str | None], rng: random.Random
) -> Configuration | None:
    """A configuration drawn of those whose keys are none of `tried`; None where there is none, or
    where limits leave so little of a large space with ranges that draws find none.
    """
    if spent(space, tried):
        return None
    if space.finite:
        while key_of(configuration := space.sample(rng)) in tried:
            pass
        return configuration
    for _ in range(DRAWS):
        if key_of(configuration := space.sample(rng)) not in tried:
            return configuration
    left = [c for c in space.every() if key_of(c) not in tried] if space.small else []
    return rng.choice(left) if left else None


def spent(space: SearchSpace, tried: Collection[str | None]) -> bool:
    """Whether all of a space was tried. What limits leave of ranges is not counted."""
    return len(tried) - (None in tried) == space.size
