"""llama.cpp's settings that a space of the deploy track may have, and what a model must have."""

from haqa_bench.arithmetic.memory import NEEDED
from haqa_bench.backends import llama_jobs
from haqa_bench.cell import Model
from haqa_bench.space import SearchSpace

BEFORE_LOSS = ("end_to_end_tokens_per_s", "generation_tokens_per_s", "prompt_tokens_per_s")
"""Of the deploy track's metrics, those that the joint track shows before its loss."""
SPEEDS = (*BEFORE_LOSS, "peak_memory_mb", "first_token_ms", "load_ms")
"""What the values of weights have no part in."""
SETTINGS = ("format", *llama_jobs.SETTINGS)
NEEDED_SETTINGS = ("format", "n_threads")
"""Without a default."""
QUALITY = "quality_text"
"""The text of a cell that perplexity is computed of."""


def lacking_dimensions(name: str, model: Model) -> None:
    """Raises ValueError for a model without the sizes that llama.cpp's plan of it needs."""
    if missing := [size for size in NEEDED if size not in model.dimensions]:
        needed = ", ".join(NEEDED)
        raise ValueError(f"the model '{name}' has no dimension '{missing[0]}'; needed: {needed}")


def lacking_settings(space: SearchSpace) -> None:
    """Raises ValueError for a space without a setting that has no default."""
    if missing := [name for name in NEEDED_SETTINGS if name not in space.root]:
        raise ValueError(f"space: '{missing[0]}' is missing")
