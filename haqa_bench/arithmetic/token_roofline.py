"""A declared roofline of generating text on a device (Williams, Waterman and Patterson, 2009), from
its profile: all it gives is simulated.

    seconds a token = sum over tensor types of weights x max(bytes a weight / bandwidth, seconds a
    weight) + layers x overhead

Seconds a weight are the profile's `weight_cost` where that was measured. Else they are counted: a
multiplication and an addition at the rate of the type's number format where that is native, at
FP16's where it is not, and the bit operations of unpacking, each as long as two floating point
operations of FP32 (a lane does one, or a fused multiplication and addition, a cycle). A rate that
is unknown counts as no time: then memory alone bounds, and `bound` says so.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from haqa_bench.hardware import Hardware

BLOCKS: Mapping[str, tuple[int, int]] = {
    "F32": (1, 4),
    "F16": (1, 2),
    "BF16": (1, 2),
    "Q8_0": (32, 34),
    "Q6_K": (256, 210),
    "Q5_K": (256, 176),
    "Q5_1": (32, 24),
    "Q5_0": (32, 22),
    "Q4_K": (256, 144),
    "Q4_1": (32, 20),
    "Q4_0": (32, 18),
    "IQ4_XS": (256, 136),
    "IQ4_NL": (32, 18),
    "Q3_K": (256, 110),
    "IQ3_S": (256, 110),
    "IQ3_XXS": (256, 98),
    "Q2_K": (256, 84),
}
"""ggml's tensor types: weights of a block, and its bytes, scales included."""
UNPACKING = {"F": 0, "Q8": 1, "Q6": 5, "Q5": 5, "Q4": 3, "Q3": 5, "Q2": 3}
"""Operations that unpack a weight, counted by hand: convert (8 bits); cut out, subtract an offset
or look up, convert (4 and 2 bits); and cut out and join the bits that are stored apart (3, 5 and 6
bits). Scales, which a block shares, are not counted.
"""


class Roofline(NamedTuple):
    """Seconds of a token, by what takes them, at least; `apart` if nothing is computed while
    weights are read.

    `complete`: whether the arithmetic of every type could be counted.
    """

    memory: float
    arithmetic: float
    seconds: float
    apart: float
    complete: bool

    @property
    def tokens_per_s(self) -> float:
        """Tokens generated in a second, at most."""
        return 1 / self.seconds

    @property
    def bound(self) -> str:
        """What the roofline is set by."""
        if not self.complete:
            return "memory (arithmetic unknown)"
        return "memory" if self.memory >= self.arithmetic else "arithmetic"


def token(weights: Mapping[str, int], layers: int, hardware: Hardware) -> Roofline | None:
    """The roofline of a token multiplied by so many `weights` of each tensor type; None where the
    bandwidth, or a type, is unknown.
    """
    bandwidth = (hardware.read_bandwidth or hardware.bandwidth).value
    if bandwidth is None or not weights.keys() <= BLOCKS.keys():
        return None
    memory, arithmetic, seconds, complete = 0.0, 0.0, 0.0, True
    for kind, count in weights.items():
        block, size = BLOCKS[kind]
        read, cost = count * size / block / (bandwidth * 1e9), weight_seconds(kind, hardware)
        complete = complete and cost is not None
        memory, arithmetic = memory + read, arithmetic + count * (cost or 0.0)
        seconds += max(read, count * (cost or 0.0))
    overhead = (
        hardware.layer_overhead.value
        if hardware.layer_overhead and hardware.layer_overhead.value
        else 0.0
    )
    beside = layers * overhead * 1e-6
    return Roofline(memory, arithmetic, seconds + beside, memory + arithmetic + beside, complete)


def weight_seconds(kind: str, hardware: Hardware) -> float | None:
    """What a weight of a tensor type takes to be computed with, in seconds; None where the profile
    does not tell.
    """
    measured = hardware.weight_cost.get(kind)
    if measured and measured.value is not None:
        return measured.value * 1e-12
    bits = _bits(kind)
    native = {"F": "fp16", "Q8": "int8", "Q4": "int4"}.get(bits)
    used = native if native in hardware.native_formats else "fp16"
    multiplying, unpacking = _rate(hardware, used), _rate(hardware, "fp32")
    if multiplying is None or unpacking is None:
        return None
    return 2 / multiplying + (0 if used == native else 2 * UNPACKING[bits] / unpacking)


def break_even(hardware: Hardware) -> str:
    """What unpacking an INT4 weight would have to take for INT8, without unpacking, to be as fast,
    in words.
    """
    if hardware.bandwidth.value is None:
        return "its bandwidth is unknown"
    (block, size), (cost, unpacked) = (
        BLOCKS["Q8_0"],
        (weight_seconds("Q8_0", hardware), weight_seconds("Q4_0", hardware)),
    )
    least = max(size / block / (hardware.bandwidth.value * 1e9), cost or 0.0)
    known = (
        "which the profile cannot tell"
        if unpacked is None
        else f"{1e12 * unpacked:.3g} ps by the profile"
    )
    return (
        f"INT8 would be as fast as INT4 if a 4-bit weight took {1e12 * least:.3g} ps to be "
        f"computed with, {known}"
    )


def counted(text: str) -> dict[str, int]:
    """Weights by tensor type, of the fact `multiplied`: "Q4_0 106168320, Q8_0 28311552"."""
    return {kind: int(count) for kind, count in (part.split() for part in text.split(", "))}


def _bits(kind: str) -> str:
    """The key of UNPACKING: F16 and F32 are F, IQ4_NL is Q4."""
    found = re.search(r"Q\d", kind)
    return found[0] if found else "F"


def _rate(hardware: Hardware, number: str) -> float | None:
    """Operations in a second."""
    figure = hardware.rates.get(number)
    return figure.value * 1e12 if figure and figure.value else None
