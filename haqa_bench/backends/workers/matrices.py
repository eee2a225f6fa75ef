"""Importance matrices, as llama-imatrix writes them: `python -m
haqa_bench.backends.workers.matrices < job.json > result.json`.

For each matrix of a model, a GGUF file holds the sums of the squares of what the matrix was
multiplied by while a text was read, of each expert apart, and how many those were. Rounding a
weight costs the more, the larger their mean.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from haqa_bench.backends.matrix_jobs import InspectMatrix, Matrix
from haqa_bench.backends.workers.frame import Unusable, work

if TYPE_CHECKING:
    from gguf import GGUFReader  # imported where it is used: it is no part of what a model takes

Values = NDArray[np.float32]
SUMS, COUNTS = ".in_sum2", ".counts"
"""How the names of a matrix's tensors end."""
CHUNKS, CHUNK, DATASETS = "imatrix.chunk_count", "imatrix.chunk_size", "imatrix.datasets"
UNWEIGHED = ("token_embd.weight", "output.weight")
"""Matrices that llama-imatrix leaves out."""
TODO = "Make it with llama-imatrix; one of the older form by --in-file OLD -o NEW.gguf"


def inspect_matrix(job: InspectMatrix) -> Matrix:
    """What an importance matrix says of a model, or Unusable where it is another's."""
    from gguf import GGUFReader

    reader = read(job.imatrix)
    found = values(reader)
    columns = {t.name: _columns(t.shape) for file in job.files for t in GGUFReader(file).tensors}
    for name, weights in found.items():
        if columns.get(name) != len(weights):
            what = f"is of another model: it has {len(weights)} values for {name}"
            raise Unusable(job.imatrix, what, "Make one of this model")
    weighed = [name for name, count in columns.items() if count and name not in UNWEIGHED]
    return Matrix(
        covered=sum(name in found for name in weighed),
        matrices=len(weighed),
        chunks=int(reader.fields[CHUNKS].contents()),
        chunk_tokens=int(reader.fields[CHUNK].contents()),
        datasets=tuple(reader.fields[DATASETS].contents()),
    )


def _columns(shape: Iterable[np.uint32]) -> int:
    """How many values a tensor's matrix has, of all experts together; 0 where it is a vector."""
    sizes = [int(size) for size in shape]
    return sizes[0] * (sizes[2] if len(sizes) > 2 else 1) if len(sizes) > 1 else 0


def read(path: str) -> "GGUFReader":
    """The file of an importance matrix, or Unusable."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (ValueError, KeyError, IndexError, OSError) as fault:
        raise Unusable(path, f"the package gguf cannot read it: {fault}", TODO) from None
    names = {tensor.name for tensor in reader.tensors}
    of = {name.removesuffix(SUMS) for name in names if name.endswith(SUMS)}
    if not of or {f"{name}{COUNTS}" for name in of} - names:
        raise Unusable(path, "is no importance matrix", TODO)
    if missing := [key for key in (CHUNKS, CHUNK, DATASETS) if key not in reader.fields]:
        raise Unusable(path, f"is no whole importance matrix: it has no {missing[0]}", TODO)
    return reader


def values(reader: "GGUFReader") -> dict[str, Values]:
    """The mean squares, by tensor; 1 for an expert that no token went to, as llama-quantize has
    it.
    """
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    found: dict[str, Values] = {}
    for name in (name.removesuffix(SUMS) for name in tensors if name.endswith(SUMS)):
        counts = tensors[f"{name}{COUNTS}"].reshape(-1, 1)
        sums = tensors[f"{name}{SUMS}"].reshape(len(counts), -1)
        means = np.divide(sums, counts, out=np.ones_like(sums), where=counts > 0)
        found[name] = np.ascontiguousarray(means.ravel(), np.float32)
    return found


if __name__ == "__main__":
    work(inspect_matrix)
