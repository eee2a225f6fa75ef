"""How templates write numbers, settings and ranges: each in one way, so that equal histories give
equal prompts.
"""

import json

from haqa_bench.documents import JsonObject
from haqa_bench.parameters import Choices, FloatRange, Parameter
from haqa_bench.space import Scalar


def number(value: float) -> str:
    """Four significant digits, always written the same way."""
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"


def setting(value: Scalar) -> str:
    """A choice, or a number of a range with all its digits, as JSON would write it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def values(parameter: Parameter) -> str:
    """What a parameter may be: its choices, or its range and how its numbers are rounded."""
    if isinstance(parameter, Choices):
        return ", ".join(map(setting, parameter.choices))
    if not isinstance(parameter, FloatRange):
        return parameter.said
    bounds = parameter.bounds
    kept = f"{bounds.digits} significant digits" if bounds.log else _places(bounds.decimals)
    return f"{parameter.said}, rounded to {kept}"


def _places(decimals: int) -> str:
    if decimals <= 0:
        return f"a multiple of {10**-decimals}"
    return f"{decimals} {'digit' if decimals == 1 else 'digits'} after the point"


def as_json(value: JsonObject) -> str:
    """An object as JSON, each key on a line of its own."""
    return json.dumps(value, indent=2, ensure_ascii=False)
