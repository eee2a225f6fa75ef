"""What one trial of the qat track runs."""

from typing import Literal

from pydantic import Field

from haqa_bench.cell import Workload


class QatWorkload(Workload):
    """What one trial of the qat track runs: a ResNet trained with DoReFa's quantizers, then tried
    on images held out of the training set.

    `images` of the training set are trained on, all where it is None, `epochs` times unless the
    space has its own. `rescale_weights`: times max|tanh w|, as in a public PyTorch port, instead of
    tensorpack's formula alone. `quantize_ends`: the first and last layer too.
    """

    data: Literal["cifar10", "imagenet"]
    images: int | None = Field(None, ge=1)
    epochs: float = Field(gt=0)
    held_out: int = Field(5000, ge=100)
    rescale_weights: bool = False
    quantize_ends: bool = False
    timeout_s: float = 3600.0
    memory_gb: float = 8.0
