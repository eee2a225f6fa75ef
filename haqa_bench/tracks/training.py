"""What the tracks that train have in common: what is tested beside winners, and first guesses."""

from collections.abc import Iterator

from haqa_bench.protocols import Reference
from haqa_bench.tracks import Rule

FULL_PRECISION = Reference("full precision", "reference")
"""The network as it is, or trained by the default recipe, without any quantization."""
ROUNDED = Reference("round to nearest", "reference")
"""That network, each weight rounded to the quantizer's nearest level, without tuning."""


def rules() -> Iterator[Rule]:
    """First guesses for hyperparameters on a short budget."""
    yield Rule("batch_size", 32, "a short budget needs many steps")
    yield Rule("per_device_train_batch_size", 2, "a short budget needs many steps")
    yield Rule("schedule", "cosine", "what is learnt settles as the rate falls to 0")
    yield Rule("augmentation", "none", "images that are seen once need no variation")
    yield Rule("learning_rate", 0.01, "a middle rate")
    yield Rule("learning_rate", 0.002, "an adapter bears a higher rate than a whole model")
    yield Rule("lora_alpha", 128, "a larger factor, as a higher rate")
