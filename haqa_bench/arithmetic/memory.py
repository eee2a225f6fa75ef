"""How much memory a model takes while llama.cpp runs it, part by part, and whether that fits a
limit.

    peak = weights + repacked + cache + compute + output + work + runtime

Weights are the file's tensors, block scales included; repacked, the copy of those that the CPU
computes on in another order; cache, keys and values of every position of the context; compute, the
intermediate results of a batch; output, the logits that are kept; work, the inputs of a matrix
product in the number format of its weights; runtime, what the process takes without any of these,
tokenizer included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from haqa_bench.errors import HaqaError

MARGIN = 0.05
"""What is added to a prediction before it is held against a limit (docs/memory.md: how far
predictions are from measured peaks).
"""
OWN = "own"
"""Stands for the format that a file is in."""
NEEDED = ("layers", "hidden", "feed_forward", "heads", "vocabulary")
"""The sizes by which a model is known without its file."""
BYTES_MAX = 2**62
COUNT_MAX = 2**31 - 1
"""The largest number that llama.cpp's programs take for a context, a batch or layers."""
LAYERS_MAX, SIZE_MAX = 512, 2**24
"""The most layers that llama.cpp takes, and a size that no model comes near."""
CACHE_TYPES = {"f32": 0, "f16": 1, "q8_0": 8, "q5_1": 7, "q5_0": 6, "q4_1": 3, "q4_0": 2}
"""Number formats of a cache, and ggml's numbers for them."""
UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


class Prediction(NamedTuple):
    """Bytes, by part."""

    weights: int
    repacked: int
    cache: int
    compute: int
    output: int
    work: int
    runtime: int

    @property
    def peak(self) -> int:
        """All parts together: what a process takes at most, in bytes."""
        return sum(self)

    @property
    def safe(self) -> int:
        """The peak with the margin, in bytes; what has to fit."""
        return round(self.peak * (1 + MARGIN))

    def fits(self, limit: int) -> bool:
        """Whether the peak, with its margin, is at most `limit` bytes."""
        return self.safe <= limit

    def arithmetic(self) -> str:
        """The sum in words, in MB (10^6 bytes)."""
        parts = " + ".join(
            f"{name} {size / 1e6:.1f}"
            for name, size in zip(self._fields, self, strict=True)
            if size
        )
        return (
            f"{parts} = {self.peak / 1e6:.1f} MB, with {100 * MARGIN:.0f} % margin "
            f"{self.safe / 1e6:.1f} MB"
        )


class TrainingPrediction(NamedTuple):
    """Bytes of a step of QLoRA, by part, while its backward pass begins; gradients take the place
    of activations as it goes on.

    Weights are the frozen ones, quantized, and those that are left as they are; adapters are
    float32; the optimizer is AdamW's two moments; activations are what autograd keeps; logits are
    kept in float32, their gradient is as large, and so is what is computed from both.
    """

    weights: int
    adapters: int
    optimizer: int
    activations: int
    logits: int
    runtime: int

    @property
    def peak(self) -> int:
        """All parts together, in bytes."""
        return sum(self)

    @property
    def safe(self) -> int:
        """The peak with the margin, in bytes."""
        return round(self.peak * (1 + MARGIN))


@dataclass(frozen=True)
class Step:
    """What a step of QLoRA would hold: weights that are `quantized`, in so many `rows`, `kept` as
    they are, and `trained`; and bytes.

    `activations` are what autograd keeps for the backward pass, parameters and logits apart;
    `inputs`, those that linear layers get and that are not among them; `logits` are of float32.
    """

    quantized: int
    rows: int
    kept: int
    trained: int
    activations: int
    inputs: int
    logits: int
    runtime: int


LOGITS_HELD = 3
FLOAT32 = 4


def training(step: Step, bits: int) -> TrainingPrediction:
    """What training takes whose step was planned with so many weights, tokens and adapters, at 4
    bits (NF4, its scales quantized) or 8.
    """
    quantized, rows = step.quantized, step.rows
    small = (
        quantized // 2 + quantized // 64 + 4 * (quantized // (64 * 256))
        if bits == 4
        else quantized + 4 * rows
    )
    return TrainingPrediction(
        weights=small + 2 * step.kept,
        adapters=FLOAT32 * step.trained,
        optimizer=2 * FLOAT32 * step.trained,
        activations=step.activations
        + (step.inputs if bits == 8 else 0),  # LLM.int8 keeps what its layers get
        logits=LOGITS_HELD * step.logits,
        runtime=step.runtime,
    )


def fault_of_sizes(sizes: Mapping[str, int]) -> str:
    """Why no model has these sizes, for people; nothing where one may have them.

    `sizes` are named as in NEEDED; `kv_heads`, `head_size` and `window` may be among them.
    """
    for name in (*NEEDED, "kv_heads", "head_size", "window"):
        most = LAYERS_MAX if name == "layers" else SIZE_MAX
        if not 1 <= sizes.get(name, 1) <= most:
            return f"{name} is {sizes[name]}, and not between 1 and {most}"
    heads, hidden = sizes["heads"], sizes["hidden"]
    if "head_size" not in sizes and hidden % heads:
        return f"{heads} heads do not share a hidden size of {hidden}"
    if heads % sizes.get("kv_heads", heads):
        return f"{heads} heads do not share {sizes['kv_heads']} heads of keys and values"
    if sizes.get("head_size", hidden // heads) % 2:
        return f"a head's size is odd: {sizes.get('head_size', hidden // heads)}"
    return ""


def bytes_of(text: str) -> int:
    """The bytes that a size such as 12GB (10^9), 12 GiB (2^30) or 500MB names.

    Raises:
        HaqaError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    size = float(found[1]) * UNITS.get(found[2].upper(), 0) if found else 0.0
    if size < 1:
        raise HaqaError(repr(text), "is no size", "Write it as 12GB, 12GiB or 500MB")
    if size >= BYTES_MAX:
        raise HaqaError(repr(text), "is more than any machine has", "Write it as 12GB or 12GiB")
    return round(size)
