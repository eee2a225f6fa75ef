"""Writes tiny importance matrices, as llama-imatrix does."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import tiny_gguf


def write(path: Path, sums: Mapping[str, np.ndarray], counts: Mapping[str, list[float]]) -> Path:
    """Sums of squares, and how many they are of, by the tensor's name."""
    writer = gguf.GGUFWriter(path, "none")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["text.txt"])
    writer.add_uint32("imatrix.chunk_count", 3)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, values in sums.items():
        writer.add_tensor(f"{name}.in_sum2", values.astype(np.float32))
        writer.add_tensor(f"{name}.counts", np.array([counts[name]], np.float32).T)
    tiny_gguf.finish(writer)
    return path


def of_tiny(path: Path, seed: int = 0, tokens: float = 1536.0) -> Path:
    """One for the models of tiny_gguf."""
    rng = np.random.default_rng(seed)
    shapes = {name: w.shape for name, w in tiny_gguf.tensors() if w.ndim > 1}
    weighed = {name: shape for name, shape in shapes.items() if name.startswith("blk.")}
    sums = {name: rng.random((1, shape[1])) * tokens for name, shape in weighed.items()}
    return write(path, sums, {name: [tokens] for name in weighed})
