"""llama.cpp's settings that a space of the deploy track may have, and their defaults."""

from collections.abc import Mapping

from haqa_bench.arithmetic.memory import NEEDED
from haqa_bench.cell import Model
from haqa_bench.space import Configuration, Scalar, SearchSpace

DEFAULTS: Mapping[str, Scalar] = {
    "n_gpu_layers": 0,
    "split_mode": "layer",
    "main_gpu": 0,
    "n_batch": 2048,
    "n_ubatch": 512,
    "flash_attn": "auto",
    "type_k": "f16",
    "type_v": "f16",
    "mmap": True,
}
"""llama.cpp's own, for whatever a space leaves out; n_threads_batch follows n_threads, as in
llama.cpp's tools.
"""
BEFORE_LOSS = ("end_to_end_tokens_per_s", "generation_tokens_per_s", "prompt_tokens_per_s")
"""Of the deploy track's metrics, those that the joint track shows before its loss."""
SETTINGS = ("format", "n_threads", "n_threads_batch", *DEFAULTS)


NEEDED_SETTINGS = ("format", "n_threads")
"""Without a default."""
QUALITY = "quality_text"
"""The text of a cell that perplexity is computed of."""


def with_defaults(configuration: Configuration) -> dict[str, Scalar]:
    """Every setting of llama.cpp's, its own default where a configuration leaves one out."""
    return {"n_threads_batch": configuration["n_threads"], **DEFAULTS, **configuration}


def lacking_dimensions(name: str, model: Model) -> None:
    """Raises ValueError for a model without the sizes that llama.cpp's plan of it needs."""
    if missing := [size for size in NEEDED if size not in model.dimensions]:
        needed = ", ".join(NEEDED)
        raise ValueError(f"the model '{name}' has no dimension '{missing[0]}'; needed: {needed}")


def lacking_settings(space: SearchSpace) -> None:
    """Raises ValueError for a space without a setting that has no default."""
    if missing := [name for name in NEEDED_SETTINGS if name not in space.root]:
        raise ValueError(f"space: '{missing[0]}' is missing")
