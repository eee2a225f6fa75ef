"""Units of other tuners' files: what they are called, and how one becomes another.

A unit is converted where it is known to measure the same thing; else it is refused. Names are taken
as they are written (`mJ` is no `MJ`), in each of the spellings that tuners use.
"""

from collections.abc import Mapping
from typing import NamedTuple

_SPELLINGS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "time": {
        "ns": (1, "nsec nanosecond nanoseconds"),
        "us": (10**3, "µs μs usec microsecond microseconds"),
        "ms": (10**6, "msec millisecond milliseconds milisecond miliseconds"),
        "s": (10**9, "sec second seconds"),
    },
    "energy": {
        "uJ": (1, "µJ μJ microjoule microjoules"),
        "mJ": (10**3, "millijoule millijoules"),
        "J": (10**6, "joule joules Joule"),
        "kJ": (10**9, "kilojoule kilojoules"),
    },
    "power": {
        "mW": (1, "milliwatt milliwatts"),
        "W": (10**3, "watt watts Watt"),
        "kW": (10**6, ""),
    },
    "operations in a time": {
        "FLOP/s": (1, "FLOPS FLOPs/s flops"),
        "MFLOP/s": (10**6, "MFLOPS MFLOPs/s MFlops"),
        "GFLOP/s": (10**9, "GFLOPS GFLOPs/s GFlops"),
        "TFLOP/s": (10**12, "TFLOPS TFLOPs/s TFlops"),
    },
    "bytes in a time": {
        "B/s": (1, ""),
        "kB/s": (10**3, "KB/s"),
        "MB/s": (10**6, ""),
        "GB/s": (10**9, ""),
        "TB/s": (10**12, ""),
    },
    "bytes": {
        "B": (1, "byte bytes"),
        "kB": (10**3, ""),
        "MB": (10**6, ""),
        "GB": (10**9, ""),
        "KiB": (2**10, ""),
        "MiB": (2**20, ""),
        "GiB": (2**30, ""),
    },
    "frequency": {"Hz": (1, ""), "kHz": (10**3, ""), "MHz": (10**6, ""), "GHz": (10**9, "")},
    "share": {"%": (1, "percent"), "1": (100, "")},
}


class _Unit(NamedTuple):
    """What a unit measures, and how many of the smallest of its kind it is."""

    kind: str
    size: int


_UNITS = {
    spelling: _Unit(kind, size)
    for kind, names in _SPELLINGS.items()
    for name, (size, others) in names.items()
    for spelling in (name, *others.split())
}


def is_time(unit: str) -> bool:
    """Whether a unit is one of time."""
    return unit in _UNITS and _UNITS[unit].kind == "time"


def factor(unit: str, wanted: str) -> float | None:
    """How many of the `wanted` unit one of `unit` is; None where neither is made of the other."""
    if unit == wanted:
        return 1.0
    one, other = _UNITS.get(unit), _UNITS.get(wanted)
    return one.size / other.size if one and other and one.kind == other.kind else None
