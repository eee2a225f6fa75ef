"""Trains a quantized ResNet, in a process of its own: `python -m haqa_bench.tracks.qat.worker.train
< job.json > result.json`.

The accuracy is of images held out of the training set; only a job that tests tries the test set.
Everything random, but the split of the images, comes from the job's seed.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from haqa_bench.backends.workers.frame import work
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.backends.workers.training import (
    Curve,
    factor,
    facts_of,
    gpu_facts,
)
from haqa_bench.tracks.qat.jobs import Settings, Train, Trained
from haqa_bench.tracks.qat.worker import resnet
from haqa_bench.tracks.qat.worker.dorefa import FULL, Bits, Conv, Linear, quantized_weights
from haqa_bench.tracks.qat.worker.image_sets import Batch, Cifar10, ImageFolder, ImageSet
from haqa_bench.tracks.qat.worker.rounding import round_to_nearest

ROUNDED_ON = 500
"""On how many training images the activations of a network that is rounded are measured."""


def run(job: Train) -> Trained:
    """Trains as the job says; then the share of images that are right, on those held out or, where
    it tests, on the test set.
    """
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    started = time.perf_counter()
    read = Cifar10 if job.data == "cifar10" else ImageFolder
    data: ImageSet = read(Path(job.path), job.held_out, job.images)
    loaded = time.perf_counter()
    how = resnet.Quantization(Bits(*job.bits), job.rescale_weights, job.quantize_ends)
    network = device_of(resnet.build(job.network, data.classes, how))
    curve, epochs = train(network, data, job.settings, job.seed)
    trained = time.perf_counter()
    if job.round_to:
        images, _ = next(data.training(ROUNDED_ON, "none", torch.Generator().manual_seed(0)))
        round_to_nearest(network, Bits(*job.round_to), images)
    right = evaluated(network, data.trying(job.test))
    facts = facts_of(
        seed=job.seed,
        epochs=epochs,
        train_images=data.count,
        distinct_weights=distinct(network),
        threads=job.threads,
        torch=torch.__version__,
        load_s=round(loaded - started, 2),
        train_s=round(trained - loaded, 2),
        evaluate_s=round(time.perf_counter() - trained, 2),
        **curve.facts,
        **gpu_facts(),
    )
    return Trained(
        accuracy=100 * int(right.sum()) / len(right),
        items=len(right),
        right=tuple(int(r) for r in right.tolist()),
        train_loss=curve.last,
        peak_bytes=peak_bytes(),
        facts=facts,
    )


def device_of(network: nn.Module) -> nn.Module:
    """The network on the GPU, where there is one, in the layout that convolutions are fastest
    in.
    """
    return network.to(
        "cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last
    )


def train(network: nn.Module, data: ImageSet, settings: Settings, seed: int) -> tuple[Curve, float]:
    """Trains in place. The curve of the loss, and how many epochs that were.

    Raises:
        Diverged: the loss is no number, or stays above twice what guessing gives.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = min(settings.batch_size, data.count)
    steps = max(1, round(data.count * settings.epochs / batch))
    optimizer = optimizer_of(network, settings)
    curve = Curve(steps, 2 * math.log(data.classes), settings.epochs)
    where = next(network.parameters()).device
    network.train()
    batches = data.training(batch, settings.augmentation, generator)
    for step, (images, labels) in zip(range(steps), batches):  # noqa: B905 - batches have no end
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor(
                settings.schedule, step, steps, settings.warmup
            )
        loss = functional.cross_entropy(network(images.to(where)), labels.to(where))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        curve.add(float(loss.detach()))
        optimizer.step()
    curve.end()
    return curve, steps * batch / data.count


def optimizer_of(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """SGD with momentum, Adam or AdamW (momentum is their beta 1), with weight decay on
    everything.
    """
    rate, momentum, decay = settings.learning_rate, settings.momentum, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr=rate, momentum=momentum, weight_decay=decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    return kind(network.parameters(), lr=rate, betas=(momentum, 0.999), weight_decay=decay)


@torch.no_grad()
def evaluated(network: nn.Module, batches: Iterator[Batch]) -> Tensor:
    """Whether each image is right."""
    network.eval()
    where = next(network.parameters()).device
    return torch.cat(
        [network(images.to(where)).argmax(1).cpu() == labels for images, labels in batches]
    )


def distinct(network: nn.Module) -> str:
    """The largest number of distinct weights that any quantized layer really uses; what bit-widths
    are checked by.
    """
    quantized = [m for m in network.modules() if isinstance(m, Conv | Linear) and m.bits < FULL]
    counts = [len(quantized_weights(m.weight, m.bits, m.rescale).unique()) for m in quantized]
    return str(max(counts)) if counts else "not quantized"


if __name__ == "__main__":
    work(run)
