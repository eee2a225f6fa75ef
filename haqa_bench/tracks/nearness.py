"""How far configurations are from one another, on the scales of their space."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from haqa_bench.parameters import Parameter
from haqa_bench.parameters.code import shown
from haqa_bench.space import Configuration, Scalar, SearchSpace


class Near(NamedTuple):
    """A configuration, and how far it is: 0 is the same, 1 is the other end of every scale."""

    configuration: Configuration
    distance: float


def nearest(
    space: SearchSpace, to: Configuration, known: Iterable[Configuration], most: int
) -> Sequence[Near]:
    """So many of the known configurations as are nearest, the nearest first."""
    found = [Near(one, distance(space, to, one)) for one in known]
    return sorted(found, key=lambda near: near.distance)[:most]


def distance(space: SearchSpace, one: Configuration, other: Configuration) -> float:
    """The root of the mean square over parameters: of numbers how far they are apart on their
    scale, as a share of it; of names 0 or 1.
    """
    squares = [_apart(p, one[name], other[name]) ** 2 for name, p in space.root.items()]
    return math.sqrt(sum(squares) / max(len(squares), 1))


def _apart(parameter: Parameter, one: Scalar, other: Scalar) -> float:
    if parameter.ordered:
        return abs(parameter.fraction(one) - parameter.fraction(other))
    return float(one != other)


def in_words(space: SearchSpace, near: Near, wanted: Configuration) -> str:
    """In what a configuration differs from the one that was wanted."""
    differ = [
        f"{name} {shown(near.configuration[name])} for {shown(wanted[name])}"
        for name in space.root
        if near.configuration[name] != wanted[name]
    ]
    return f"{', '.join(differ)} (distance {near.distance:.2g})"
