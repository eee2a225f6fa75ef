"""Random weights in llama.cpp's tensor types, block by block, drawn as raw bits.

A block of most types is a float16 scale and small whole numbers. Random bits are valid numbers, so
that all that is set is the scale: drawn from -a to a, where a gives the weights the spread that is
asked for. Where a block has an offset beside its scale, it is as large as centres the weights.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type

Bytes = npt.NDArray[np.uint8]
CHUNK_BYTES = 2**23
"""Drawn at once. It is part of what a seed stands for, as is the generator."""
SAMPLED_BLOCKS = 2**12
SIGNED = 2**15


class Block(NamedTuple):
    """Where a block of a type has its scale, in bytes; and where it has an offset, and how many
    times the scale that is.
    """

    scale: int
    offset: int = -1
    times: float = 0.0


# ggml-common.h: the fields of block_q4_0 and so on. An offset is added in Q4_1 and Q5_1, and taken
# away in the K types, where it is multiplied by a number of 4 or 6 bits as the scale is: in the
# mean, scale x number is then the offset's share.
BLOCKS: Mapping[Type, Block] = {
    Type.Q4_0: Block(0),
    Type.Q4_1: Block(0, 2, -7.5),
    Type.Q5_0: Block(0),
    Type.Q5_1: Block(0, 2, -15.5),
    Type.Q8_0: Block(0),
    Type.Q2_K: Block(80, 82, 1.5),
    Type.Q3_K: Block(108),
    Type.Q4_K: Block(0, 2, 7.5),
    Type.Q5_K: Block(0, 2, 15.5),
    Type.Q6_K: Block(208),
    Type.IQ4_NL: Block(0),
    Type.IQ4_XS: Block(0),
    Type.IQ3_S: Block(0),
    Type.IQ3_XXS: Block(0),
}
FLOATS = (Type.F32, Type.F16, Type.BF16)


def known(kind: Type) -> bool:
    """Whether random weights of a type can be made."""
    return kind in BLOCKS or kind in FLOATS


def drawn(kind: Type, count: int, spread: float, seed: tuple[int, ...]) -> Iterator[Bytes]:
    """`count` weights of a type, a whole number of blocks, whose standard deviation is `spread`, in
    pieces of some megabytes.
    """
    block, size = gguf.GGML_QUANT_SIZES[kind]
    bits = np.random.SFC64(seed)
    at_once = CHUNK_BYTES // size
    left = count // block
    while left:
        now = min(left, at_once)
        yield _blocks(kind, bits, now, spread / spread_of(kind))
        left -= now


@cache
def spread_of(kind: Type) -> float:
    """The standard deviation of weights whose scales are drawn from -1 to 1."""
    found = _blocks(kind, np.random.SFC64(0), SAMPLED_BLOCKS, 1.0)
    return float(gguf.quants.dequantize(found, kind).std(dtype=np.float64))


def _blocks(kind: Type, bits: np.random.SFC64, count: int, scale: float) -> Bytes:
    if kind in FLOATS:
        return _floats(kind, bits, count, scale)
    place, size = BLOCKS[kind], gguf.GGML_QUANT_SIZES[kind][1]
    found = _raw(bits, count * size).reshape(count, size)
    scales = _signed(found[:, place.scale : place.scale + 2].copy(), scale)
    found[:, place.scale : place.scale + 2] = _half(scales)
    if place.offset >= 0:
        found[:, place.offset : place.offset + 2] = _half(scales * np.float32(place.times))
    return found


def _floats(kind: Type, bits: np.random.SFC64, count: int, scale: float) -> Bytes:
    found = _signed(_raw(bits, 2 * count), scale)
    if kind == Type.F32:
        return found.view(np.uint8)
    if kind == Type.F16:
        return found.astype(np.float16).view(np.uint8)
    return (found.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)  # the upper half of a F32


def _raw(bits: np.random.SFC64, size: int) -> Bytes:
    return bits.random_raw(-(-size // 8)).view(np.uint8)[:size]


def _signed(raw: Bytes, scale: float) -> npt.NDArray[np.float32]:
    """Two bytes each as a number from -scale to scale."""
    return raw.view(np.int16).reshape(-1) * np.float32(scale / SIGNED)


def _half(values: npt.NDArray[np.float32]) -> Bytes:
    return values.astype(np.float16).view(np.uint8).reshape(-1, 2)
