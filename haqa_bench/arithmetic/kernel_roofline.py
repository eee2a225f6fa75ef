"""The roofline of a kernel (Williams, Waterman and Patterson, 2009): no faster than its bytes over
the memory's bandwidth, nor than its operations over the arithmetic's peak. Pure counting: nothing
is measured here.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

BITS = {"FP32": 32, "FP16": 16, "INT8": 8, "INT4": 4}
"""Bits of a weight by the cell's bit-width. INT8 and INT4 are blocks of 32 with a half scale:
llama.cpp's Q8_0 and Q4_0.
"""
Shape = Mapping[str, int]


class Work(NamedTuple):
    """What a launch cannot do without: each input read once and the output written once, in bytes,
    and float operations.

    A multiplication, an addition, a division, an exponential count as one operation each. What it
    takes to unpack a weight is not counted: the roofline is the problem's, not the format's.
    """

    bytes: int
    operations: int

    def least_us(self, bandwidth_gb_s: float, peak_gflops: float) -> float:
        """The roofline in microseconds."""
        return max(self.bytes / bandwidth_gb_s, self.operations / peak_gflops) / 1e3

    def bound(self, bandwidth_gb_s: float, peak_gflops: float) -> str:
        """What the roofline is set by."""
        return (
            "memory"
            if self.bytes / bandwidth_gb_s > self.operations / peak_gflops
            else "arithmetic"
        )


def work(kernel: str, bit_width: str, shape: Shape) -> Work:
    """The work of one launch of a kernel at a shape."""
    return WORK[kernel](BITS[bit_width.upper()], shape)


def _weight_bytes(bits: int, count: int) -> int:
    return count * bits // 8 + (2 * count // 32 if bits < 16 else 0)


def _gemv(bits: int, shape: Shape) -> Work:
    return _gemm(bits, {**shape, "tokens": 1})


def _gemm(bits: int, shape: Shape) -> Work:
    outputs, columns, tokens = shape["outputs"], shape["columns"], shape["tokens"]
    return Work(
        _weight_bytes(bits, outputs * columns) + 4 * tokens * (columns + outputs),
        2 * outputs * columns * tokens,
    )


def _softmax(bits: int, shape: Shape) -> Work:
    count = shape["rows"] * shape["columns"]
    return Work(8 * count, 5 * count)  # compare, subtract, exponential, add, scale


def _rmsnorm(bits: int, shape: Shape) -> Work:
    count = shape["rows"] * shape["columns"]
    return Work(8 * count + 4 * shape["columns"], 4 * count)  # square, add, scale, weight


def _silu(bits: int, shape: Shape) -> Work:
    return Work(12 * shape["count"], 5 * shape["count"])  # negate, exponential, add, divide, gate


def _rope(bits: int, shape: Shape) -> Work:
    count = shape["tokens"] * shape["heads"] * shape["head_size"]
    return Work(
        8 * count, 3 * count
    )  # two multiplications and an addition for each element; the angles are left out


def _grid_softmax(bits: int, shape: Shape) -> Work:
    return _softmax(bits, {"rows": shape["tokens"] * shape["heads"], "columns": shape["columns"]})


def _grid_silu(bits: int, shape: Shape) -> Work:
    count = shape["tokens"] * shape["columns"]
    return Work(8 * count, 4 * count)  # negate, exponential, add, divide


def _grid_rmsnorm(bits: int, shape: Shape) -> Work:
    count = shape["tokens"] * shape["columns"]
    return Work(8 * count, 3 * count)  # square, add, scale


WORK: Mapping[str, Callable[[int, Shape], Work]] = {
    "gemv": _gemv,
    "gemm": _gemm,
    "tiled_gemv": _gemv,
    "tiled_gemm": _gemm,
    "softmax": _softmax,
    "rmsnorm": _rmsnorm,
    "silu": _silu,
    "rope": _rope,
    "grid_softmax": _grid_softmax,
    "grid_silu": _grid_silu,
    "grid_rmsnorm": _grid_rmsnorm,
    "grid_rope": _rope,
    "grid_matmul": _gemm,
}
