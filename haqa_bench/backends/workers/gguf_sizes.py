"""The sizes of the model that a GGUF file holds, by the names of `arithmetic.architectures`."""

from collections.abc import Mapping

import gguf

from haqa_bench.arithmetic.architectures import fault_of_model, tensors
from haqa_bench.backends.llama_jobs import RandomModel, ReadSizes
from haqa_bench.backends.workers.frame import Unusable

KEYS: Mapping[str, str] = {
    "layers": "block_count",
    "hidden": "embedding_length",
    "feed_forward": "feed_forward_length",
    "heads": "attention.head_count",
    "kv_heads": "attention.head_count_kv",
    "head_size": "attention.key_length",
    "context": "context_length",
    "experts": "expert_count",
    "experts_used": "expert_used_count",
}
"""Our names of sizes, and those in a file, behind its architecture's name."""
UNCOUNTED = ("rope_freqs.weight",)
"""Tensors that are no weights: LLaMA 3's factors of rotation."""


def read_sizes(job: ReadSizes) -> RandomModel:
    """What random weights have to be made of to be the twin of a file's."""
    where = job.files[0]
    try:
        readers = [gguf.GGUFReader(file) for file in job.files]
    except (ValueError, KeyError, IndexError, OSError) as fault:
        raise Unusable(where, f"the package gguf cannot read it: {fault}") from None
    architecture = str(_value(readers[0], "general.architecture"))
    found = {
        tensor.name: tuple(int(size) for size in reversed(tensor.shape))
        for reader in readers
        for tensor in reader.tensors
        if tensor.name not in UNCOUNTED
    }
    sizes = _sizes(readers[0], architecture, found)
    if why := fault_of_model(architecture, sizes):
        raise Unusable(where, why)
    ours = {shape.name: shape.sizes for shape in tensors(architecture, sizes)}
    if strange := sorted(ours.items() ^ found.items()):
        raise Unusable(where, f"has other tensors than its sizes tell, such as {strange[0][0]}")
    return RandomModel(architecture=architecture, dimensions=sizes)


def _sizes(
    reader: gguf.GGUFReader, architecture: str, found: Mapping[str, tuple[int, ...]]
) -> dict[str, int]:
    sizes = {name: _value(reader, f"{architecture}.{key}") for name, key in KEYS.items()}
    merges = reader.fields.get("tokenizer.ggml.merges")
    return {
        **{name: size for name, size in sizes.items() if isinstance(size, int) and size},
        "vocabulary": found.get("token_embd.weight", (0,))[0],
        "tied": int("output.weight" not in found),
        "merges": len(merges.data) if merges else 0,
    }


def _value(reader: gguf.GGUFReader, key: str) -> object:
    field = reader.fields.get(key)
    return field.contents() if field else None
