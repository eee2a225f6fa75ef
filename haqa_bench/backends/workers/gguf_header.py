"""What a GGUF file says before its tensors' data: the model's sizes, a tokenizer, and each tensor's
name, shape, type and place.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from haqa_bench.arithmetic.architectures import Shape, Sizes, tensors, whole

ALIGNED = 32
NORM_EPSILON = 1e-5


class Placed(NamedTuple):
    """A tensor's shape, its type, and its bytes in the file without what fills up to the next."""

    shape: Shape
    type: Type
    stored: int


def writer(target: Path, architecture: str, sizes: Sizes) -> gguf.GGUFWriter:
    """A GGUF file of a model's sizes, to which a tokenizer and tensors are added.

    `sizes` are named as in `arithmetic.architectures`.
    """
    stated = whole(architecture, sizes)
    made = gguf.GGUFWriter(target, architecture)
    made.add_block_count(sizes["layers"])
    made.add_context_length(stated["context"])
    made.add_embedding_length(sizes["hidden"])
    made.add_feed_forward_length(sizes["feed_forward"])
    made.add_head_count(sizes["heads"])
    made.add_vocab_size(sizes["vocabulary"])
    if architecture == "gpt2":
        made.add_layer_norm_eps(NORM_EPSILON)
    else:
        _add_rotated(made, stated)
    return made


def _add_rotated(made: gguf.GGUFWriter, sizes: Sizes) -> None:
    """What models say whose heads are rotated by position."""
    made.add_head_count_kv(sizes["kv_heads"])
    made.add_key_length(sizes["head_size"])
    made.add_value_length(sizes["head_size"])
    made.add_layer_norm_rms_eps(NORM_EPSILON)
    made.add_rope_dimension_count(sizes["head_size"])
    if "window" in sizes:
        made.add_sliding_window(sizes["window"])
    if "experts" in sizes:
        made.add_expert_count(sizes["experts"])
        made.add_expert_used_count(sizes["experts_used"])


def at_float16(architecture: str, sizes: Sizes) -> list[Placed]:
    """Every tensor at float16, but those that are float32 in each format."""
    return [_placed(s, Type.F32 if s.float32 else Type.F16) for s in tensors(architecture, sizes)]


def in_types(architecture: str, sizes: Sizes, types: Mapping[str, Type]) -> list[Placed]:
    """Every tensor in the type that `types` has for its name."""
    return [_placed(shape, types[shape.name]) for shape in tensors(architecture, sizes)]


def _placed(shape: Shape, kind: Type) -> Placed:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    return Placed(shape, kind, shape.weights // block * size)


def finish(made: gguf.GGUFWriter, placed: Sequence[Placed], target: Path) -> int:
    """Writes all that stands before the data, and makes the file as long as it will be, the data a
    hole; the bytes before the data.
    """
    for one in placed:
        made.add_tensor_info(
            one.shape.name, one.shape.sizes, np.dtype(np.float32), one.stored, raw_dtype=one.type
        )
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_ti_data_to_file()
    made.close()
    begin = aligned(target.stat().st_size)
    with target.open("r+b") as file:
        file.truncate(begin + sum(aligned(one.stored) for one in placed))
    return begin


def aligned(size: int) -> int:
    """The bytes up to where the next tensor may begin."""
    return -(-size // ALIGNED) * ALIGNED
