"""What each kernel computes: its inputs, made fresh from a seed, how it is launched, and what must
come out, in float64.

Weights are random blocks in llama.cpp's layouts (weights.h); what is checked is the arithmetic on
them, not how they were quantized.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
ROPE_BASE = 10000.0
CONTEXT = 128
"""Of the paper's largest shape."""
EPSILON = 1e-5
Shape = Mapping[str, int]
Settings = Mapping[str, int]
Array = NDArray[Any]


ARRANGE = "arrange"
"""The kernel that arranges an input, where a source has one."""


class Arranged(NamedTuple):
    """What the kernel `arrange` of the same source makes of the last input before the kernel runs,
    so many bytes, which the kernel gets in its place. Its time counts.
    """

    bytes: int
    global_size: tuple[int, ...]
    local_size: tuple[int, ...]


class Problem(NamedTuple):
    """One launch of a kernel. `expected` is the whole output in float64; sizes are in work-items,
    `defines` go to the compiler.
    """

    inputs: Sequence[Array]
    expected: NDArray[np.float64]
    global_size: tuple[int, ...]
    local_size: tuple[int, ...]
    defines: Mapping[str, float]
    arranged: Arranged | None = None


def problem(kernel: str, bits: int, shape: Shape, settings: Settings, seed: int) -> Problem:
    """The kernel's problem of that shape, for weights of `bits` (of no weight, where it has none),
    with fresh inputs.
    """
    return PROBLEMS[kernel](bits, shape, settings, np.random.default_rng(seed))


def _gemv(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    outputs, columns = shape["outputs"], shape["columns"]
    packed, x = weights(bits, outputs, columns, rng), _values(rng, columns)
    groups = _groups(outputs, s["GROUP_ROWS"] * s["ROWS"])
    return Problem(
        inputs=(packed, x),
        expected=product(bits, packed, outputs, columns, x[:, None])[:, 0],
        global_size=(s["LANES"], groups * s["GROUP_ROWS"]),
        local_size=(s["LANES"], s["GROUP_ROWS"]),
        defines={"OUTPUTS": outputs, "COLUMNS": columns, "BITS": bits},
    )


def _gemm(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    packed = weights(bits, shape["outputs"], shape["columns"], rng)
    x = _values(rng, shape["tokens"], shape["columns"])
    return _tiles(bits, shape, s, (packed, x), x)


def _tiles(
    bits: int, shape: Shape, s: Settings, inputs: tuple[NDArray[np.uint8], Array], met: Array
) -> Problem:
    """Tokens times weights, in tiles; `met` are the activations (tokens x columns) that the weights
    meet.
    """
    outputs, columns, tokens = shape["outputs"], shape["columns"], shape["tokens"]
    rows = (_groups(outputs, s["GROUP_ROWS"] * s["TILE_ROWS"]) * s["GROUP_ROWS"], s["GROUP_ROWS"])
    columns_of_y = (
        _groups(tokens, s["GROUP_TOKENS"] * s["TILE_TOKENS"]) * s["GROUP_TOKENS"],
        s["GROUP_TOKENS"],
    )
    fast, slow = (columns_of_y, rows) if s["ORDER"] else (rows, columns_of_y)
    return Problem(
        inputs=inputs,
        expected=product(bits, inputs[0], outputs, columns, met.T).T.copy(),
        global_size=(fast[0], slow[0]),
        local_size=(fast[1], slow[1]),
        defines={"OUTPUTS": outputs, "COLUMNS": columns, "TOKENS": tokens, "BITS": bits},
    )


def _tiled_gemv(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    outputs, columns = shape["outputs"], shape["columns"]
    packed, x = weights(bits, outputs, columns, rng), _values(rng, columns)
    groups = _groups(outputs, s["GROUP_ROWS"] * s["ROWS"])
    return Problem(
        inputs=(packed, x),
        expected=product(bits, packed, outputs, columns, _met(x[None, :], s).T)[:, 0],
        global_size=(s["LANES"], groups * s["GROUP_ROWS"]),
        local_size=(s["LANES"], s["GROUP_ROWS"]),
        defines={"OUTPUTS": outputs, "COLUMNS": columns, "BITS": bits},
        arranged=_arranged(columns // BLOCK, s) if s["DOT"] else None,
    )


def _tiled_gemm(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    packed = weights(bits, shape["outputs"], shape["columns"], rng)
    x = _values(rng, shape["tokens"], shape["columns"])
    plain = _tiles(bits, shape, s, (packed, x), _met(x, s))
    if s["DOT"] or s["LAYOUT"]:
        return plain._replace(arranged=_arranged(x.size // BLOCK, s))
    return plain


def _met(x: Array, s: Settings) -> Array:
    """The activations (tokens x columns) that the weights meet: rounded, where a kernel rounds."""
    return rounded(x) if s["DOT"] else x


def _arranged(blocks: int, s: Settings) -> Arranged:
    """So many blocks of activations: words of 8-bit integers with a scale and a beginning, or
    floats.
    """
    of_one = BLOCK + 8 if s["DOT"] else 4 * BLOCK
    return Arranged(blocks * of_one, (_groups(blocks, 32) * 32,), (32,))


def _softmax(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    rows, columns = shape["rows"], shape["columns"]
    x = 4 * _values(rng, rows, columns)
    powers = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    return _rowwise((x,), powers / powers.sum(axis=1, keepdims=True), rows, columns, s)


def _rmsnorm(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    rows, columns = shape["rows"], shape["columns"]
    x, weight = _values(rng, rows, columns), _values(rng, columns)
    exact = x.astype(np.float64)
    expected = exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + EPSILON) * weight
    return _rowwise((x, weight), expected, rows, columns, s)


def _rowwise(
    inputs: Sequence[Array], expected: NDArray[np.float64], rows: int, columns: int, s: Settings
) -> Problem:
    return Problem(
        inputs=inputs,
        expected=expected,
        global_size=(s["LANES"], _groups(rows, s["GROUP_ROWS"]) * s["GROUP_ROWS"]),
        local_size=(s["LANES"], s["GROUP_ROWS"]),
        defines={"ROWS": rows, "COLUMNS": columns},
    )


def _silu(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    count = shape["count"]
    x, gate = _values(rng, count), _values(rng, count)
    exact = x.astype(np.float64)
    return Problem(
        inputs=(x, gate),
        expected=gate * exact / (1 + np.exp(-exact)),
        global_size=(_groups(count, s["GROUP"] * s["VEC"] * s["ITEMS"]) * s["GROUP"],),
        local_size=(s["GROUP"],),
        defines={"COUNT": count},
    )


def _rope(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    tokens, heads, size = shape["tokens"], shape["heads"], shape["head_size"]
    x = _values(rng, tokens, heads, size)
    angles = _angles(np.arange(tokens), size)
    table = np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    items = tokens * _groups(heads, s["ITEMS"]) * (size // 2 // s["VEC"])
    return Problem(
        inputs=(x, table),
        expected=_rotated(x, angles),
        global_size=(_groups(items, s["GROUP"]) * s["GROUP"],),
        local_size=(s["GROUP"],),
        defines=_of_rope(shape),
    )


def _angles(positions: Array, size: int) -> Array:
    """Of each token and each pair of a head of that size, in radians."""
    return positions[:, None] * ROPE_BASE ** (-2.0 * np.arange(size // 2) / size)


def _rotated(x: Array, angles: Array) -> NDArray[np.float64]:
    """The halves of each head (tokens x heads x size) rotated against each other."""
    cosine, sine = (f(angles)[:, None, :] for f in (np.cos, np.sin))
    low, high = np.split(x.astype(np.float64), 2, axis=2)
    return np.concatenate([low * cosine - high * sine, low * sine + high * cosine], axis=2)


def _of_rope(shape: Shape) -> dict[str, float]:
    sizes = {name.upper(): shape[name] for name in ("tokens", "heads", "head_size")}
    return {**sizes, "LOG2_BASE": float(np.log2(ROPE_BASE))}


def _grid_softmax(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    rows, columns = shape["tokens"] * shape["heads"], shape["columns"]
    x = 4 * _values(rng, rows, columns)
    powers = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    return _on_grid((x,), expected, s, {"ROWS": rows, "COLUMNS": columns})


def _grid_silu(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    count = shape["tokens"] * shape["columns"]
    x = _values(rng, count)
    exact = x.astype(np.float64)
    return _on_grid((x,), exact / (1 + np.exp(-exact)), s, {"COUNT": count})


def _grid_rmsnorm(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    rows, columns = shape["tokens"], shape["columns"]
    x = _values(rng, rows, columns)
    exact = x.astype(np.float64)
    expected = exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + EPSILON)
    return _on_grid((x,), expected, s, {"ROWS": rows, "COLUMNS": columns})


def _grid_rope(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    """The problem of `rope`, with the tokens' positions as an input in place of the angles: others
    each time, of a context of CONTEXT tokens or as many as there are.
    """
    tokens, size = shape["tokens"], shape["head_size"]
    x = _values(rng, tokens, shape["heads"], size)
    positions = rng.permutation(max(CONTEXT, tokens))[:tokens].astype(np.int32)
    return _on_grid((x, positions), _rotated(x, _angles(positions, size)), s, _of_rope(shape))


def _grid_matmul(bits: int, shape: Shape, s: Settings, rng: np.random.Generator) -> Problem:
    outputs, columns, tokens = shape["outputs"], shape["columns"], shape["tokens"]
    weights, x = _values(rng, outputs, columns), _values(rng, tokens, columns)
    expected = x.astype(np.float64) @ weights.astype(np.float64).T
    return _on_grid(
        (weights, x), expected, s, {"OUTPUTS": outputs, "COLUMNS": columns, "TOKENS": tokens}
    )


def _on_grid(
    inputs: Sequence[Array],
    expected: NDArray[np.float64],
    s: Settings,
    defines: Mapping[str, float],
) -> Problem:
    """A launch of as many groups as the grid has; the kernel strides over what is more."""
    block = s["BLOCK_X"], s.get("BLOCK_Y", 1)
    return Problem(
        inputs=inputs,
        expected=expected,
        global_size=(s["GRID_X"] * block[0], s.get("GRID_Y", 1) * block[1]),
        local_size=block,
        defines=defines,
    )


PROBLEMS: Mapping[str, Callable[[int, Shape, Settings, np.random.Generator], Problem]] = {
    "gemv": _gemv,
    "gemm": _gemm,
    "tiled_gemv": _tiled_gemv,
    "tiled_gemm": _tiled_gemm,
    "softmax": _softmax,
    "silu": _silu,
    "rmsnorm": _rmsnorm,
    "rope": _rope,
    "grid_softmax": _grid_softmax,
    "grid_silu": _grid_silu,
    "grid_rmsnorm": _grid_rmsnorm,
    "grid_rope": _grid_rope,
    "grid_matmul": _grid_matmul,
}


def weights(bits: int, outputs: int, columns: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Random packed weights, (outputs x columns / 32 x bytes of a block)."""
    blocks = outputs * columns // BLOCK
    if bits in (16, 32):
        values = rng.standard_normal((blocks, BLOCK), dtype=np.float32)
        return values.astype(np.float16 if bits == 16 else np.float32).view(np.uint8)
    scales = rng.uniform(0.01, 0.02, blocks).astype(np.float16)
    quants = rng.integers(0, 256, (blocks, BLOCK * bits // 8), dtype=np.uint8)
    return np.hstack([scales.view(np.uint8).reshape(blocks, 2), quants])


def unpacked(bits: int, packed: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The values of blocks, (blocks x 32), in float64."""
    if bits in (16, 32):
        return packed.view(np.float16 if bits == 16 else np.float32).astype(np.float64)
    scales = packed[:, :2].copy().view(np.float16).astype(np.float64)
    quants = packed[:, 2:]
    if bits == 8:
        return scales * quants.view(np.int8)
    return scales * (np.hstack([quants & 15, quants >> 4]).astype(np.float64) - 8)


def product(
    bits: int, packed: NDArray[np.uint8], outputs: int, columns: int, x: Array
) -> NDArray[np.float64]:
    """The weights times `x` (columns x tokens) in float64, some rows at a time, to hold little."""
    blocks, exact = columns // BLOCK, x.astype(np.float64)
    parts = [
        unpacked(bits, packed[first * blocks : (first + 512) * blocks]).reshape(-1, columns) @ exact
        for first in range(0, outputs, 512)
    ]
    return np.concatenate(parts)


def rounded(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Activations (tokens x columns) rounded to 8 bits in blocks of 32, each with a float32 scale
    of its largest value over 127, in float64. ggml's Q8_0 does so with a half scale.

    Steps are taken in float32, in the kernel's order: a value between two integers goes where the
    kernel's goes.
    """
    blocks = x.reshape(-1, BLOCK)
    most = np.abs(blocks).max(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        inverse = np.where(most > 0, np.float32(127) / most, np.float32(0))
    scales = (most / np.float32(127)).astype(np.float64)
    return (np.rint(blocks * inverse).astype(np.float64) * scales).reshape(x.shape)


def _values(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def _groups(count: int, size: int) -> int:
    return -(-count // size)
