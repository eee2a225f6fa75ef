"""Writes a LLaMA-architecture model of transformers' as a GGUF file: new weights, all else from the
GGUF file that it came from.

llama.cpp rotates neighbouring elements of queries and keys, transformers elements half a head
apart: rows of both are put in llama.cpp's order. Weights are float32; llama.cpp's quantizer makes
every other format from that.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float32]
OWN = (
    "GGUF.",
    "general.file_type",
    "general.quantization_version",
    "general.architecture",
    "split.",
)
"""Keys that the writer sets itself, or that would be wrong."""


def export(weights: Mapping[str, Weights], donor: Path, target: Path) -> None:
    """Writes `weights`, by transformers' names, as the GGUF file `target`, with everything else of
    the GGUF file `donor`.

    Raises:
        ValueError: the donor is of another architecture, or the weights are not those of its
        tensors.
    """
    reader = gguf.GGUFReader(donor)
    architecture = _value(reader, "general.architecture")
    if architecture != "llama":
        raise ValueError(f"only the llama architecture is exported, not {architecture}")
    heads, kv_heads, layers = (
        int(_value(reader, f"llama.{name}"))
        for name in ("attention.head_count", "attention.head_count_kv", "block_count")
    )
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    writer = gguf.GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        if not name.startswith(OWN):
            writer.add_key_value(
                name,
                field.contents(),
                field.types[0],
                field.types[-1] if len(field.types) > 1 else None,
            )
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    wanted = {tensor.name for tensor in reader.tensors}
    for name, weight in weights.items():
        own = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if own not in wanted:
            continue  # an output layer that shares the embedding's weights is not stored
        wanted.discard(own)
        turned = {"attn_q": heads, "attn_k": kv_heads}.get(own.split(".")[-2])
        writer.add_tensor(
            own,
            np.ascontiguousarray(_rotated(weight, turned) if turned else weight, dtype=np.float32),
        )
    if missing := wanted - {"rope_freqs.weight"}:
        raise ValueError(f"no weights for {sorted(missing)[0]}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _rotated(weight: Weights, heads: int) -> Weights:
    """Rows (heads x size) from transformers' order to llama.cpp's."""
    rows, columns = weight.shape
    return (
        weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )


def _value(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    if field is None:
        raise ValueError(f"the GGUF file has no {key}")
    return field.contents()
