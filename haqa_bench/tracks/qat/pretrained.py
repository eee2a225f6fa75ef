"""The networks of full precision that cells fine-tune: results/pretrained/SET/NETWORK.safetensors,
each beside a card, NETWORK.json, that says what it was trained on, and how.

An image that a cell holds out must never have been trained on. Images are held out in one fixed
order, so a network that held out as many of the same files, or more, will do.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from haqa_bench import shipped
from haqa_bench.cell import Name
from haqa_bench.documents import Document, read_bytes, read_json
from haqa_bench.errors import HaqaError
from haqa_bench.store import manifest
from haqa_bench.tracks.qat.jobs import Weights
from haqa_bench.tracks.qat.workload import Pinned, QatWorkload, Sha256

FOLDER = "results/pretrained"
MOST_BYTES = 512 * 1024 * 1024
"""Of a network's file."""
Accuracy = Annotated[float, Field(ge=0, le=100)]


class Recipe(Document):
    """How a network was trained: what haqa_bench.tracks.qat.jobs.Settings has, `cycles` times."""

    epochs: float = Field(gt=0)
    cycles: int = Field(ge=1)
    optimizer: Literal["sgd", "adam", "adamw"]
    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    schedule: Literal["constant", "cosine", "step"]
    warmup: float
    augmentation: str
    label_smoothing: float


class Card(Document):
    """What is known of a network of full precision.

    Accuracies are in %, losses the means of each epoch in nats, `seconds` those of training alone.
    `data_sha256` is that of the images' files, `sha256` that of the network's.
    """

    format: Literal[1] = 1
    set: Name
    network: Name
    data: Literal["cifar10", "imagenet"]
    about: str
    data_sha256: Sha256
    images: int = Field(ge=1)
    held_out: int = Field(ge=1)
    split_seed: int
    recipe: Recipe
    precision: Literal["float32", "bfloat16"]
    seed: int
    losses: tuple[float, ...]
    held_out_accuracy: Accuracy
    test_accuracy: Accuracy
    seconds: float = Field(ge=0)
    machine: str
    threads: int = Field(ge=1)
    date: str
    torch: str
    sha256: Sha256


class Begun(NamedTuple):
    """A network to begin with: its file and its card."""

    path: Path
    card: Card

    @property
    def weights(self) -> Weights:
        """As a worker is told of it."""
        return Weights(str(self.path), self.card.sha256)


def place(project: Path, set_name: str, network: str) -> Path:
    """Where a network's file lies, from a project's folder."""
    return project / FOLDER / set_name / f"{network}.safetensors"


def found(project: Path, set_name: str, network: str) -> Path:
    """Where a network's file is read: in the project, or else in what the package brings."""
    return shipped.found(project, place(Path(), set_name, network).as_posix())


def read(path: Path) -> Card:
    """The card of the network at `path`, which is held against its file.

    Raises:
        HaqaError: either is missing or damaged, or they are not of each other.
    """
    beside, todo = path.with_suffix(".json"), f"Restore it; or train it anew: {_train(path)}"
    data = read_bytes(path, MOST_BYTES)
    manifest.verify(path, data)
    manifest.verify(beside, read_bytes(beside))
    card = read_json(beside, Card, todo)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise HaqaError(path, f"is not the network of its card {beside.name}: another hash", todo)
    for said, there in ((card.network, path.stem), (card.set, path.parent.name)):
        if said != there:
            raise HaqaError(beside, f"is of '{said}', and lies where '{there}' does", todo)
    return card


def pinned(workload: QatWorkload, network: str, project: Path) -> QatWorkload:
    """The workload with the network that it fine-tunes pinned by its hash. One that is not there
    yet stays as it is named: see `required`.

    Raises:
        HaqaError: it is damaged, of other data, not the one that is pinned, or was trained on
        images that the workload holds out.
    """
    if workload.pretrained is None:
        return workload
    before = workload.pretrained if isinstance(workload.pretrained, Pinned) else None
    path = found(project, set_of(workload.pretrained), network)
    if not path.is_file():
        return workload
    card = read(path)
    _fits(path, card, workload)
    if before and before.sha256 != card.sha256:
        raise HaqaError(path, "is not the network that is pinned by its sha256", "Restore it")
    accuracy = round(card.held_out_accuracy, 2)
    pin = Pinned(set=card.set, sha256=card.sha256, held_out_accuracy=accuracy)
    return workload.model_copy(update={"pretrained": pin})


def required(workload: QatWorkload, network: str, project: Path) -> Begun | None:
    """The network that a workload fine-tunes; None where it fine-tunes none.

    Raises:
        HaqaError: as `pinned`; or it is not there.
    """
    if workload.pretrained is None:
        return None
    path = found(project, set_of(workload.pretrained), network)
    if not path.is_file():
        raise HaqaError(path, "no such network of full precision yet", f"Train it: {_train(path)}")
    pinned(workload, network, project)
    return Begun(path, read(path))


def set_of(pretrained: str | Pinned) -> str:
    """The name of the set."""
    return pretrained if isinstance(pretrained, str) else pretrained.set


def _fits(path: Path, card: Card, workload: QatWorkload) -> None:
    if card.data != workload.data:
        what = f"was trained on {card.data}, and the cell is of {workload.data}"
        raise HaqaError(path, what, "Name another set in pretrained:")
    if card.held_out < workload.held_out:
        what = (
            f"held out {card.held_out} images, the cell {workload.held_out}: it would be tried on "
            "images that the network was trained on"
        )
        raise HaqaError(path, what, f"Say held_out: {card.held_out}, or less")


def _train(path: Path) -> str:
    return f"haqa-bench pretrain {path.stem}"
