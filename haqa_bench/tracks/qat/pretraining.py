"""Trains a network of full precision, once, for cells to fine-tune: the parent's side.

What is trained so far is kept in the cache, and gone on with, also for more cycles of the schedule;
the network and its card take their places when both are whole.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from haqa_bench.backends.device import threads
from haqa_bench.backends.machine import title
from haqa_bench.backends.process import run_job
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.installed import extra, require
from haqa_bench.store import manifest
from haqa_bench.tasks import folder, images
from haqa_bench.tracks.qat import pretrained
from haqa_bench.tracks.qat.jobs import Augmentation, Pretrain, Pretrained, Settings, epochs_file
from haqa_bench.tracks.qat.pretrained import Card, Recipe

Data = Literal["cifar10", "imagenet"]
DATA: Mapping[str, Data] = {"resnet20": "cifar10", "resnet32": "cifar10", "resnet50": "imagenet"}
"""What each network is trained on."""
EPOCHS = {"cifar10": 60, "imagenet": 90}
AUGMENTATION: Mapping[str, Augmentation] = {
    "cifar10": "crop_flip_cutout",
    "imagenet": "crop_flip",
}
HELD_OUT = {"cifar10": 5000, "imagenet": 50_000}
SPLIT_SEED = 0
"""That of haqa_bench.tracks.qat.worker.image_sets, which imports torch."""
NO_LIMIT_S = 7 * 86_400.0


class Order(NamedTuple):
    """What is to be trained, and how."""

    network: str
    set: str
    epochs: int
    cycles: int
    held_out: int
    precision: Literal["float32", "bfloat16"]
    seed: int

    @property
    def data(self) -> Data:
        """What it is trained on."""
        return DATA[self.network]

    @property
    def settings(self) -> Settings:
        """SGD at a rate of 0.1 that falls as a cosine, which suits any number of epochs; weight
        decay is the usual one of such a schedule. Squares cut out of small images, and labels that
        are smoothed, keep a small network from learning its images by heart.
        """
        return Settings(
            epochs=self.epochs,
            learning_rate=0.1,
            weight_decay=5e-4,
            schedule="cosine",
            warmup=0.05,
            augmentation=AUGMENTATION[self.data],
            label_smoothing=0.1,
        )


def check(target: Path, fresh: bool) -> None:
    """Raises HaqaError where there is a network already, and no `fresh` one is asked for."""
    if target.exists() and not fresh:
        what = "is there already, and may have been fine-tuned"
        raise HaqaError(target, what, "To train another in its place: --fresh")


def job_of(order: Order) -> Pretrain:
    """The training, as its worker is told of it; its files lie in the cache, under a name that says
    what decides the weights.

    Raises:
        HaqaError: torch or the images are missing.
    """
    require("torch", "training", extra("train"))
    data = images.named(order.data)
    asked = order._asdict() | {"settings": asdict(order.settings), "data": data.sha256}
    asked.pop("cycles")  # a training goes on for more of them
    name = f"{order.network}-{sha256(asked)[:16]}.state"
    state = folder.cache() / "pretrained" / name
    state.parent.mkdir(parents=True, exist_ok=True)
    return Pretrain(
        network=order.network,
        data=order.data,
        path=str(data.path),
        held_out=order.held_out,
        settings=order.settings,
        cycles=order.cycles,
        precision=order.precision,
        seed=order.seed,
        threads=threads(),
        state=str(state),
        output=str(state.with_suffix(".safetensors")),
    )


def epochs_done(job: Pretrain) -> int:
    """How many epochs of a training are done."""
    try:
        return int(epochs_file(job.state).read_text("utf-8"))
    except (OSError, ValueError):  # it has not begun, or is just being written
        return 0


def trained(order: Order, job: Pretrain, target: Path) -> Card:
    """Trains, or goes on; the card of the network that then lies at `target`.

    Raises:
        HaqaError: it diverged, or ran out of memory; or it cannot be written.
    """
    try:
        done = run_job(job, NO_LIMIT_S)
    except EvaluationFailed as failure:
        what = f"{failure.status}: {failure.reason}"
        raise HaqaError(order.network, what, "What was trained is kept: try it again") from None
    network = read_bytes(Path(job.output), pretrained.MOST_BYTES)
    card = _card(order, job, done, hashlib.sha256(network).hexdigest())
    manifest.write(target.with_suffix(".json"), (card.model_dump_json(indent=2) + "\n").encode())
    manifest.write(target, network)
    for left in (Path(job.output), epochs_file(job.state)):
        left.unlink(missing_ok=True)
    return card


def _card(order: Order, job: Pretrain, done: Pretrained, digest: str) -> Card:
    data = images.named(order.data)
    return Card(
        set=order.set,
        network=order.network,
        data=order.data,
        about=data.about,
        data_sha256=data.sha256,
        images=done.images,
        held_out=order.held_out,
        split_seed=SPLIT_SEED,
        recipe=Recipe(**asdict(job.settings), cycles=job.cycles),
        precision=order.precision,
        seed=order.seed,
        losses=done.losses,
        held_out_accuracy=done.held_out_accuracy,
        test_accuracy=done.test_accuracy,
        seconds=done.seconds,
        machine=title("gpu"),
        threads=job.threads,
        date=datetime.now(UTC).date().isoformat(),
        torch=done.torch,
        sha256=digest,
    )
