"""The tensors of a model's file, and which of them a CPU holds twice."""

from typing import NamedTuple

REPACKED = {"q4_0", "q4_K", "q2_K", "iq4_nl"}
"""Types whose matrices an x86 CPU with AVX2 multiplies from a copy, rows interleaved by eight."""
ROWS = 8


class Tensor(NamedTuple):
    """A tensor of a file in one format: its name, its sizes (inner first), its type there and its
    bytes.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    size: int


def repacks(tensor: Tensor) -> bool:
    """Whether the CPU computes on a copy of it, beside the mapped file. The embedding is looked up
    in, not multiplied by.
    """
    return (
        tensor.type in REPACKED
        and tensor.shape[1] % ROWS == 0
        and not tensor.name.startswith("token_embd")
    )
