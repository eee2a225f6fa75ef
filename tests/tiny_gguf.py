"""Writes tiny GGUF models of random weights, whole, split or faulty: what tools refuse, and what
they must take as one model.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import numpy as np

LAYERS, HIDDEN, WIDE, HEADS, KV_HEADS, VOCABULARY = 2, 64, 128, 4, 2, 512


def tensors(seed: int = 0, heads: int = HEADS) -> Iterator[tuple[str, np.ndarray]]:
    rng, head = np.random.default_rng(seed), HIDDEN // heads

    def matrix(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.05).astype(np.float16)

    yield "token_embd.weight", matrix(VOCABULARY, HIDDEN)
    for i in range(LAYERS):
        yield f"blk.{i}.attn_norm.weight", np.ones(HIDDEN, np.float32)
        yield f"blk.{i}.attn_q.weight", matrix(heads * head, HIDDEN)
        yield f"blk.{i}.attn_k.weight", matrix(KV_HEADS * head, HIDDEN)
        yield f"blk.{i}.attn_v.weight", matrix(KV_HEADS * head, HIDDEN)
        yield f"blk.{i}.attn_output.weight", matrix(HIDDEN, heads * head)
        yield f"blk.{i}.ffn_norm.weight", np.ones(HIDDEN, np.float32)
        yield f"blk.{i}.ffn_gate.weight", matrix(WIDE, HIDDEN)
        yield f"blk.{i}.ffn_up.weight", matrix(WIDE, HIDDEN)
        yield f"blk.{i}.ffn_down.weight", matrix(HIDDEN, WIDE)
    yield "output_norm.weight", np.ones(HIDDEN, np.float32)
    yield "output.weight", matrix(VOCABULARY, HIDDEN)


PARAMETERS = sum(weights.size for _, weights in tensors())


def describe(writer: gguf.GGUFWriter, heads: int = HEADS, blocks: bool = True) -> None:
    """The keys of a LLaMA model, and a vocabulary of bytes and made-up words."""
    if blocks:
        writer.add_block_count(LAYERS)
    writer.add_context_length(2048)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(WIDE)
    writer.add_head_count(heads)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // heads)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("llama")
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += [f"▁w{i}" for i in range(VOCABULARY - len(words))]
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * (VOCABULARY - 259))


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write(
    path: Path,
    architecture: str = "llama",
    more: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
    only: Callable[[str], bool] = lambda name: True,
    endian: gguf.GGUFEndian = gguf.GGUFEndian.LITTLE,
    heads: int = HEADS,
    blocks: bool = True,
) -> Path:
    writer = gguf.GGUFWriter(path, architecture, endianess=endian)
    describe(writer, heads, blocks)
    more(writer)
    for name, weights in tensors(heads=heads):
        if only(name):
            writer.add_tensor(name, weights)
    finish(writer)
    return path


def split(folder: Path, stem: str, seed: int = 0, metadata_first: bool = True) -> Path:
    """Three files as llama-gguf-split names them, the first of metadata alone or not; its path."""
    found = list(tensors(seed))
    parts = [[], found[::2], found[1::2]] if metadata_first else [found[i::3] for i in range(3)]
    for number, part in enumerate(parts):
        writer = gguf.GGUFWriter(folder / shard(stem, number + 1), "llama")
        if number == 0:
            describe(writer)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 3)
        writer.add_int32("split.tensors.count", len(found))
        for name, weights in part:
            writer.add_tensor(name, weights)
        finish(writer)
    return folder / shard(stem, 1)


def shard(stem: str, number: int) -> str:
    return f"{stem}-{number:05d}-of-00003.gguf"


def of_version(source: Path, version: int) -> bytes:
    data = source.read_bytes()
    return data[:4] + struct.pack("<I", version) + data[8:]


def of_type(source: Path, tensor: str, number: int) -> bytes:
    """The file with another number for a tensor's type, which follows its name and its sizes."""
    data = bytearray(source.read_bytes())
    place = data.index(tensor.encode()) + len(tensor)
    (sizes,) = struct.unpack_from("<I", data, place)
    struct.pack_into("<I", data, place + 4 + 8 * sizes, number)
    return bytes(data)
