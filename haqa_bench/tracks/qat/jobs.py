"""What the qat track asks of a process, and what that tells."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal

from haqa_bench.backends.jobs import Job
from haqa_bench.backends.wire import Mismatch, build
from haqa_bench.errors import EvaluationFailed, Status

SCHEDULE: Final = "step"
Augmentation = Literal["none", "flip", "crop_flip", "crop_flip_cutout"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of a training; where a space leaves one out, the recipe of a public PyTorch port of DoReFa,
    for CIFAR-10.
    """

    epochs: float
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    batch_size: int = 128
    schedule: Literal["constant", "cosine", "step"] = SCHEDULE
    warmup: float = 0.0
    augmentation: Augmentation = "crop_flip"
    label_smoothing: float = 0.0


PAPERS = {"num_epochs": "epochs"}
"""The paper's names of settings, by which a space may call them too."""
SETTINGS = (*(field.name for field in fields(Settings)), *PAPERS)


def with_defaults(configuration: Mapping[str, object], **otherwise: object) -> Settings:
    """The settings of a configuration; where it leaves one out, the one given here, or else the
    default.

    Raises:
        EvaluationFailed: a value is of another type.
    """
    given = {PAPERS.get(name, name): value for name, value in configuration.items()}
    try:
        return build(Settings, {**otherwise, **given})
    except Mismatch as fault:
        raise EvaluationFailed(Status.REFUSED, str(fault)) from None


@dataclass(frozen=True)
class Weights:
    """A network's file of safetensors, and its SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Trained:
    """Accuracy in % of `items` images, and whether each is `right`, 1 or 0; train_loss in nats, the
    last twentieth of the steps, None where there were none.
    """

    accuracy: float
    items: int
    right: tuple[int, ...]
    train_loss: float | None
    peak_bytes: int
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Train(Job[Trained], worker="haqa_bench.tracks.qat.worker.train"):
    """Train a network, from `pretrained` weights or random ones, on `images` (all where it is None)
    of a data set in the file or folder `path`, then try it on those held out or, to `test`, on the
    test set. For no epochs at all, it is tried as it is.

    `bits` are those of weights and activations; `round_to`, those that it is rounded to afterwards.
    The rest is as in QatWorkload.
    """

    network: str
    data: Literal["cifar10", "imagenet"]
    path: str
    images: int | None
    held_out: int
    rescale_weights: bool
    quantize_ends: bool
    settings: Settings
    bits: tuple[int, int]
    round_to: tuple[int, int] | None
    pretrained: Weights | None
    seed: int
    test: bool
    threads: int


@dataclass(frozen=True)
class Pretrained:
    """A network of full precision: accuracies in % on the images held out and on the test set;
    `losses`, the mean of each epoch in nats; `seconds` of training on `images`; torch's version.
    """

    held_out_accuracy: float
    test_accuracy: float
    losses: tuple[float, ...]
    seconds: float
    images: int
    torch: str


@dataclass(frozen=True, kw_only=True)
class Pretrain(Job[Pretrained], worker="haqa_bench.tracks.qat.worker.pretrain"):
    """Train a network at full precision on all images but those held out, and write it to `output`
    as safetensors.

    The schedule of `settings` runs `cycles` times. What is trained so far is kept in the file
    `state` after each epoch, and gone on with, also for more cycles. Steps are computed in
    `precision`, weights kept in float32.
    """

    network: str
    data: Literal["cifar10", "imagenet"]
    path: str
    held_out: int
    settings: Settings
    cycles: int
    precision: Literal["float32", "bfloat16"]
    seed: int
    threads: int
    state: str
    output: str


def epochs_file(state: str) -> Path:
    """Beside the state of a training, how many epochs it has done, as text: for progress."""
    return Path(f"{state}.epochs")
