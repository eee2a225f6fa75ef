"""Trains a quantized ResNet, in a process of its own: `python -m haqa_bench.backends.training.qat_worker < job.json > result.json`.

The training set is split by a seed of its own, the same for every configuration: `images` to train on, `held_out` to tune on. The test
set is read only by a job that tests. Everything random comes from the job's seed.
"""

import json
import math
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from haqa_bench.backends.training import resnet
from haqa_bench.backends.training.dorefa import FULL, Bits, Conv, Linear, quantized_weights
from haqa_bench.backends.training.progress import Curve, Diverged, curve_as_text, factor, facts_of, memory_fault
from haqa_bench.backends.training.rounding import round_to_nearest

SPLIT_SEED = 0
EVALUATED_AT_ONCE = 500
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""CIFAR-10's own, of the training set."""


class Part(NamedTuple):
    """Images (n x 3 x 32 x 32, normalised) and labels (n)."""

    images: Tensor
    labels: Tensor


class Data(NamedTuple):
    """What is trained on, tuned on and tested on."""

    train: Part
    held_out: Part
    test: Part
    classes: int


def main() -> None:
    """One job from stdin to one result on stdout."""
    job = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if job["memory_bytes"]:
        resource.setrlimit(resource.RLIMIT_DATA, (job["memory_bytes"], job["memory_bytes"]))
    try:
        result = run(job)
    except Diverged as reason:
        result = {"refused": str(reason), "status": "diverged"}
    except (MemoryError, RuntimeError) as error:
        if not memory_fault(error):
            raise
        result = {"refused": str(error).splitlines()[0], "status": "oom"}
    with answers:
        json.dump(result, answers)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Trains as the job says; then the share of images that are right, on those held out or, where it tests, on the test set."""
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    started = time.perf_counter()
    work, settings = job["workload"], job["settings"]
    data = read(Path(job["data"]), work)
    loaded = time.perf_counter()
    how = resnet.Quantization(Bits(*job["bits"]), work["rescale_weights"], work["quantize_ends"])
    network = device_of(resnet.build(job["network"], data.classes, how))
    curve, epochs = train(network, data.train, settings, job["seed"])
    trained = time.perf_counter()
    if job.get("round_to"):
        round_to_nearest(network, Bits(*job["round_to"]), data.train.images[:EVALUATED_AT_ONCE])
    part = data.test if job["test"] else data.held_out
    right = evaluated(network, part)
    return {
        "right": [int(r) for r in right.tolist()] if job["test"] else None,
        "accuracy": 100 * int(right.sum()) / len(right),
        "items": len(part.labels),
        "train_loss": curve.points[-1][1],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "facts": facts_of(
            seed=job["seed"],
            steps=len(curve.losses),
            epochs=epochs,
            train_images=len(data.train.labels),
            distinct_weights=distinct(network),
            learning_curve=curve_as_text(curve.points),
            threads=job["threads"],
            torch=torch.__version__,
            load_s=round(loaded - started, 2),
            train_s=round(trained - loaded, 2),
            evaluate_s=round(time.perf_counter() - trained, 2),
        ),
    }


def read(path: Path, work: dict[str, Any]) -> Data:
    """CIFAR-10 from its arrays, split: the same images for every seed and configuration."""
    stored = np.load(path)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(stored["train_labels"]))
    held_out, rest = order[: work["held_out"]], order[work["held_out"] :]
    chosen = rest[: work["images"]] if work["images"] else rest
    train, labels = stored["train"], stored["train_labels"]
    return Data(
        _part(train[chosen], labels[chosen]),
        _part(train[held_out], labels[held_out]),
        _part(stored["test"], stored["test_labels"]),
        10,
    )


def _part(images: Any, labels: Any) -> Part:
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return Part(floats.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last), torch.from_numpy(labels).long())


def device_of(network: nn.Module) -> nn.Module:
    """The network on the GPU, where there is one, in the layout that convolutions are fastest in."""
    return network.to("cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last)


def train(network: nn.Module, part: Part, settings: dict[str, Any], seed: int) -> tuple[Curve, float]:
    """Trains in place. The curve of the loss, and how many epochs that were.

    Raises:
        Diverged: the loss is no number, or stays above twice what guessing gives.
    """
    generator = torch.Generator().manual_seed(seed)
    batch, epochs = settings["batch_size"], settings["epochs"]
    steps = max(1, round(len(part.labels) * epochs / batch))
    optimizer = optimizer_of(network, settings)
    curve = Curve(steps, 2 * math.log(10))
    where = next(network.parameters()).device
    network.train()
    for step, index in zip(range(steps), batches(len(part.labels), batch, generator)):  # noqa: B905 - batches have no end
        for group in optimizer.param_groups:
            group["lr"] = settings["learning_rate"] * factor(settings["schedule"], step, steps, settings["warmup"])
        images = augmented(part.images[index], settings["augmentation"], generator)
        loss = resnet.loss_of(network, images.to(where), part.labels[index].to(where))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        curve.add(float(loss.detach()))
        optimizer.step()
    return curve, steps * batch / len(part.labels)


def optimizer_of(network: nn.Module, settings: dict[str, Any]) -> torch.optim.Optimizer:
    """SGD with momentum, Adam or AdamW (momentum is their beta 1), with weight decay on everything."""
    rate, momentum, decay = settings["learning_rate"], settings["momentum"], settings["weight_decay"]
    if settings["optimizer"] == "sgd":
        return torch.optim.SGD(network.parameters(), lr=rate, momentum=momentum, weight_decay=decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings["optimizer"]]
    return kind(network.parameters(), lr=rate, betas=(momentum, 0.999), weight_decay=decay)


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Indices of batches without end: each image once, in a new random order, then again; what is left over of an order is left out."""
    size = min(size, count)
    while True:
        order = torch.randperm(count, generator=generator)
        yield from order[: count - count % size].split(size)


def augmented(images: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """`flip`: each image mirrored or not; `crop_flip`: moved by up to four pixels too, what is missing black; `none`."""
    if how == "none":
        return images
    flips = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(flips.view(-1, 1, 1, 1), images.flip(3), images)
    if how == "crop_flip":
        size = images.shape[-1]
        padded = nn.functional.pad(images, (4, 4, 4, 4))
        top, left = (torch.randint(0, 9, (len(images), 1), generator=generator) for _ in range(2))
        rows, columns = top + torch.arange(size), left + torch.arange(size)
        each = torch.arange(len(images)).view(-1, 1, 1)
        images = padded.permute(0, 2, 3, 1)[each, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
    return images


@torch.no_grad()
def evaluated(network: nn.Module, part: Part) -> Tensor:
    """Whether each image is right."""
    network.eval()
    where = next(network.parameters()).device
    found = [resnet.logits(network, chunk.to(where)).argmax(1).cpu() for chunk in part.images.split(EVALUATED_AT_ONCE)]
    return torch.cat(found) == part.labels


def distinct(network: nn.Module) -> str:
    """The largest number of distinct weights that any quantized layer really uses; what bit-widths are checked by."""
    quantized = [m for m in network.modules() if isinstance(m, Conv | Linear) and m.bits < FULL]
    counts = [len(quantized_weights(m.weight, m.bits, m.rescale).unique()) for m in quantized]
    return str(max(counts)) if counts else "not quantized"


if __name__ == "__main__":
    main()
