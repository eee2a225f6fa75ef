"""A model of LLaMA's or Gemma 3's architecture without its weights: a GGUF file of the right
tensors at float16 whose contents are a hole.

It takes some kilobytes on disk, whatever its size. llama.cpp reads its header as any model's, and
tells what the model would take: no weights need to be had to know whether they fit.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import gguf
import numpy as np

ALIGNED = 32
NO_LIMIT = 2**31 - 1
"""The context that a model was trained for, where that is not known: llama.cpp wants a number."""


def write(dimensions: Mapping[str, int], target: Path) -> None:
    """Writes a hollow GGUF file for a model's sizes: of Gemma 3's architecture where there is a
    `window`, of LLaMA's else.

    `layers`, `hidden`, `feed_forward`, `heads` and `vocabulary`; `kv_heads` (as many as `heads`
    where left out), `head_size` (`hidden` / `heads`), `tied` (1: the output layer is the
    embedding, as a matrix), `context` and `window` (tokens).
    """
    writer = gguf.GGUFWriter(target, "gemma3" if "window" in dimensions else "llama")
    writer.add_block_count(dimensions["layers"])
    writer.add_context_length(dimensions.get("context", NO_LIMIT))
    writer.add_embedding_length(dimensions["hidden"])
    writer.add_feed_forward_length(dimensions["feed_forward"])
    writer.add_head_count(dimensions["heads"])
    writer.add_head_count_kv(dimensions.get("kv_heads", dimensions["heads"]))
    writer.add_key_length(_head_size(dimensions))
    writer.add_value_length(_head_size(dimensions))
    writer.add_layer_norm_rms_eps(1e-5)
    if "window" in dimensions:
        writer.add_sliding_window(dimensions["window"])
    writer.add_rope_dimension_count(_head_size(dimensions))
    writer.add_vocab_size(dimensions["vocabulary"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("no_vocab")
    size = 0
    for name, shape in _tensors(dimensions):
        number = np.dtype(np.float16 if len(shape) > 1 else np.float32)
        stored = int(np.prod(shape)) * number.itemsize
        writer.add_tensor_info(name, shape, number, stored)
        size += _aligned(stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with target.open("r+b") as file:
        file.truncate(_aligned(target.stat().st_size) + size)


def _head_size(dimensions: Mapping[str, int]) -> int:
    return dimensions.get("head_size", dimensions["hidden"] // dimensions["heads"])


def _tensors(dimensions: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, wide, vocabulary = (
        dimensions["hidden"],
        dimensions["feed_forward"],
        dimensions["vocabulary"],
    )
    queries = dimensions["heads"] * _head_size(dimensions)
    keys = dimensions.get("kv_heads", dimensions["heads"]) * _head_size(dimensions)
    yield "token_embd.weight", (vocabulary, hidden)
    for i in range(dimensions["layers"]):
        yield f"blk.{i}.attn_norm.weight", (hidden,)
        yield f"blk.{i}.attn_q.weight", (queries, hidden)
        yield f"blk.{i}.attn_k.weight", (keys, hidden)
        yield f"blk.{i}.attn_v.weight", (keys, hidden)
        yield f"blk.{i}.attn_output.weight", (hidden, queries)
        yield f"blk.{i}.ffn_norm.weight", (hidden,)
        yield f"blk.{i}.ffn_gate.weight", (wide, hidden)
        yield f"blk.{i}.ffn_up.weight", (wide, hidden)
        yield f"blk.{i}.ffn_down.weight", (hidden, wide)
        if "window" in dimensions:
            yield f"blk.{i}.attn_q_norm.weight", (_head_size(dimensions),)
            yield f"blk.{i}.attn_k_norm.weight", (_head_size(dimensions),)
            yield f"blk.{i}.post_attention_norm.weight", (hidden,)
            yield f"blk.{i}.post_ffw_norm.weight", (hidden,)
    yield "output_norm.weight", (hidden,)
    if not dimensions.get("tied"):
        yield "output.weight", (vocabulary, hidden)


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
