"""Trains a quantized ResNet, in a process of its own: `python -m haqa_bench.tracks.qat.worker.train
< job.json > result.json`.

The accuracy is of images held out of the training set; only a job that tests tries the test set.
Everything random, but the split of the images, comes from the job's seed.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from haqa_bench.backends.workers.frame import work
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.backends.workers.training import (
    Curve,
    curve_as_text,
    factor,
    facts_of,
    gpu_facts,
)
from haqa_bench.tracks.qat.jobs import Settings, Train, Trained
from haqa_bench.tracks.qat.worker import resnet, weights
from haqa_bench.tracks.qat.worker.dorefa import FULL, Bits, Conv, Linear, quantized_weights
from haqa_bench.tracks.qat.worker.image_sets import Batch, ImageSet, opened
from haqa_bench.tracks.qat.worker.rounding import round_to_nearest
from haqa_bench.tracks.qat.worker.steps import Losses, Plain, step_of

ROUNDED_ON = 500
"""On how many training images the activations of a network that is rounded are measured."""


def run(job: Train) -> Trained:
    """Trains as the job says; then the share of images that are right, on those held out or, where
    it tests, on the test set.
    """
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    started = time.perf_counter()
    device = device_here()
    data = opened(job.data, Path(job.path), job.held_out, job.images, device)
    loaded = time.perf_counter()
    how = resnet.Quantization(Bits(*job.bits), job.rescale_weights, job.quantize_ends)
    network = placed(resnet.build(job.network, data.classes, how), device)
    if job.pretrained:
        weights.take(network, job.pretrained)
    done = (
        train(network, data, job.settings, job.seed)
        if job.settings.epochs
        else Done(Curve(0), 0.0, "")
    )
    trained = time.perf_counter()
    if job.round_to:
        images, _ = next(data.training(ROUNDED_ON, "none", generator_of(data, 0)))
        round_to_nearest(network, Bits(*job.round_to), images)
    right = evaluated(network, data.trying(job.test))
    facts = facts_of(
        seed=job.seed,
        steps=len(done.curve.losses),
        epochs=done.epochs,
        train_images=data.count,
        distinct_weights=distinct(network),
        threads=job.threads,
        torch=torch.__version__,
        load_s=round(loaded - started, 2),
        train_s=round(trained - loaded, 2),
        evaluate_s=round(time.perf_counter() - trained, 2),
        **done.facts,
        **gpu_facts(),
    )
    return Trained(
        accuracy=100 * int(right.sum()) / len(right),
        items=len(right),
        right=tuple(int(r) for r in right.tolist()),
        train_loss=done.curve.points[-1][1] if done.curve.losses else None,
        peak_bytes=peak_bytes(),
        facts=facts,
    )


class Done(NamedTuple):
    """What a training was: its losses, how many epochs, and how its steps were captured; empty on
    a CPU.
    """

    curve: Curve
    epochs: float
    captured: str

    @property
    def facts(self) -> dict[str, str]:
        """What is told of it, where there is anything."""
        told = {"learning_curve": curve_as_text(self.curve.points), "captured": self.captured}
        return {name: text for name, text in told.items() if text}


def device_here() -> torch.device:
    """The GPU, where there is one; else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on a device, in the layout that convolutions are fastest in."""
    return network.to(device, memory_format=torch.channels_last)


def generator_of(data: ImageSet, seed: int) -> torch.Generator:
    """Random numbers, drawn where the images are."""
    return torch.Generator(data.device).manual_seed(seed)


def train(network: nn.Module, data: ImageSet, settings: Settings, seed: int) -> Done:
    """Trains in place.

    Raises:
        Diverged: the loss is no number, or stays above twice what guessing gives.
    """
    batch = min(settings.batch_size, data.count)
    steps = max(1, round(data.count * settings.epochs / batch))
    curve, where = Curve(steps, 2 * math.log(data.classes)), next(network.parameters()).device
    optimizer = optimizer_of(network, settings)
    plain = Plain(network, optimizer, smoothing=settings.label_smoothing)
    losses = Losses(curve, where)
    step, captured = None, ""
    network.train()
    batches = data.training(batch, settings.augmentation, generator_of(data, seed))
    for number, (images, labels) in zip(range(steps), batches):  # noqa: B905 - they have no end
        images, labels = images.to(where), labels.to(where)
        if step is None:
            step, captured = step_of(plain, images, labels)
        scale = factor(settings.schedule, number, steps, settings.warmup)
        losses.add(step(images, labels, settings.learning_rate * scale))
    losses.flush()
    curve.end()
    return Done(curve, steps * batch / data.count, captured if where.type == "cuda" else "")


def optimizer_of(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """SGD with momentum, Adam or AdamW (momentum is their beta 1), with weight decay on
    everything. On a GPU it can be captured: its rate lies there.
    """
    momentum, decay, parameters = settings.momentum, settings.weight_decay, network.parameters()
    device = next(network.parameters()).device
    gpu = device.type == "cuda"
    rate = torch.tensor(settings.learning_rate, device=device) if gpu else settings.learning_rate
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=rate, momentum=momentum, weight_decay=decay, fused=gpu or None
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    return kind(parameters, lr=rate, betas=(momentum, 0.999), weight_decay=decay, capturable=gpu)


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
