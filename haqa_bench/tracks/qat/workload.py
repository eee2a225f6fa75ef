"""What one trial of the qat track runs."""

from typing import Annotated, Literal

from pydantic import Field

from haqa_bench.cell import Name, Workload
from haqa_bench.documents import Document

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Pinned(Document):
    """A network of full precision that is fine-tuned: the set of results/pretrained/ that it is of,
    the SHA-256 of its file, and its accuracy in % on the images held out.
    """

    set: Name
    sha256: Sha256
    held_out_accuracy: float | None = Field(None, ge=0, le=100)


class QatWorkload(Workload):
    """What one trial of the qat track runs: a ResNet trained with DoReFa's quantizers, then tried
    on images held out of the training set.

    `images` of the training set are trained on, all where it is None, `epochs` times unless the
    space has its own. It begins with the weights of the `pretrained` set, else with random ones: a
    suite names the set, its lock pins the file. `schedule`: of the learning rate, unless the space
    has one. `rescale_weights`: times max|tanh w|, as in a public PyTorch port, instead of
    tensorpack's formula alone. `quantize_ends`: the first and last layer too.
    """

    data: Literal["cifar10", "imagenet"]
    images: int | None = Field(None, ge=1)
    epochs: float = Field(gt=0)
    held_out: int = Field(5000, ge=100)
    pretrained: Name | Pinned | None = Field(None, exclude_if=lambda named: named is None)
    schedule: Literal["constant", "cosine", "step"] | None = Field(
        None, exclude_if=lambda name: name is None
    )
    rescale_weights: bool = False
    quantize_ends: bool = False
    timeout_s: float = 3600.0
    memory_gb: float = 8.0
