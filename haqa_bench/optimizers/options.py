"""The settings of an optimizer: its defaults, as a suite's `options:` change them."""

from typing import Any

from haqa_bench.errors import HaqaError, nearest
from haqa_bench.space import Scalar
from haqa_bench.study import Study


def settled(study: Study, **defaults: Scalar) -> dict[str, Any]:
    """`defaults` with the options of the study's method in their place; 1 is taken for 1.0 where
    the default is such a number.

    Raises:
        HaqaError: an option that is unknown, or of another type than its default.
    """
    where = f"method '{study.method.name}': options"
    found: dict[str, Any] = {**defaults}
    for name, value in study.method.options.items():
        if name not in defaults:
            known = nearest(name, defaults) if defaults else f"'{study.method.optimizer}' has none"
            raise HaqaError(where, f"unknown option '{name}'", known)
        found[name] = float(value) if _whole_for_real(value, defaults[name]) else value
        if type(found[name]) is not type(defaults[name]):
            raise HaqaError(
                where,
                f"{name}: {value!r} is no {type(defaults[name]).__name__}",
                f"Its default is {defaults[name]!r}",
            )
    return found


def _whole_for_real(value: Scalar, default: Scalar) -> bool:
    return type(value) is int and type(default) is float
